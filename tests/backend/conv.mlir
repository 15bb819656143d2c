func.func @serving_default(%image: memref<?x8x8x3xf32> {tf.name = "input"}, %out: memref<?x8xf32> {tf.name = "pool"}, %out_1: memref<?x4x4x8xf32> {tf.name = "input"}) attributes {rt.arena = #nn.dims<1536*N+261632>} {
  %N = rt.size <N> : index
  %filter = rt.weight @"stem/kernel" packing "panels" : memref<3x3x3x8xf32>
  %bias = rt.weight @"stem/bias" : memref<8xf32>
  %scratch = memref.alloc() {rt.offset = #nn.dims<0>} : memref<65400xf32>
  %0 = memref.alloc(%N) {rt.offset = #nn.dims<261632>} : memref<?x4x4x8xf32>
  rt.call @conv2d(input = %image, filter = %filter, bias = %bias) -> %0 scratch(%scratch) {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, activation = #nn.activation<leaky_relu, 0.2>} : (memref<?x8x8x3xf32>, memref<3x3x3x8xf32>, memref<8xf32>) -> (memref<?x4x4x8xf32>, memref<65400xf32>) loc(fused["net/conv2d/Conv2D", "net/conv2d/BiasAdd", "net/activation/LeakyRelu"])
  memref.dealloc %scratch : memref<65400xf32>
  %depthwise = rt.weight @"depthwise/kernel" : memref<3x3x8x1xf32>
  %1 = memref.alloc(%N) {rt.offset = #nn.dims<512*N+261632>} : memref<?x4x4x8xf32>
  rt.call @depthwise_conv2d(input = %0, filter = %depthwise) -> %1 {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (memref<?x4x4x8xf32>, memref<3x3x8x1xf32>) -> memref<?x4x4x8xf32> loc("net/depthwise/depthwise")
  %grouped = rt.weight @"grouped/kernel" packing "panels" : memref<1x1x4x8xf32>
  rt.call @conv2d(input = %1, filter = %grouped, residual = %0) -> %out_1 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : (memref<?x4x4x8xf32>, memref<1x1x4x8xf32>, memref<?x4x4x8xf32>) -> memref<?x4x4x8xf32> loc(fused["net/grouped/Conv2D", "net/add/AddV2"])
  memref.dealloc %1 : memref<?x4x4x8xf32>
  %2 = memref.alloc(%N) {rt.offset = #nn.dims<512*N+261632>} : memref<?x4x4x16xf32>
  rt.call @concat(inputs = %0, inputs = %out_1) -> %2 {axis = 3 : i64} : (memref<?x4x4x8xf32>, memref<?x4x4x8xf32>) -> memref<?x4x4x16xf32> loc("net/concat")
  memref.dealloc %0 : memref<?x4x4x8xf32>
  %3 = rt.view %2 offset <0> : memref<?x4x4x16xf32> to memref<?x16x16xf32>
  %4 = memref.alloc(%N) {rt.offset = #nn.dims<261632>} : memref<?x16xf32>
  rt.call @mean(input = %3) -> %4 {axes = array<i64: 1>, keep_dims = false} : (memref<?x16x16xf32>) -> memref<?x16xf32> loc("net/pool/Mean")
  memref.dealloc %2 : memref<?x4x4x16xf32>
  %head = rt.weight @"head/kernel" packing "panels" : memref<16x8xf32>
  rt.call @matmul(lhs = %4, rhs = %head) -> %out : (memref<?x16xf32>, memref<16x8xf32>) -> memref<?x8xf32> loc("net/matmul/MatMul")
  memref.dealloc %4 : memref<?x16xf32>
  func.return
}
