func.func @serving_default(%x: memref<?x4xf32> {tf.name = "x"}, %out: memref<?x3xf32> {tf.name = "Identity"}) attributes {rt.arena = #nn.dims<128*N>} {
  %N = rt.size <N> : index
  %kernel = rt.weight @"dense/kernel" packing "panels" : memref<4x16xf32>
  %bias = rt.weight @"dense/bias" : memref<16xf32>
  %0 = memref.alloc(%N) {rt.offset = #nn.dims<0>} : memref<?x16xf32>
  rt.call @matmul(lhs = %x, rhs = %kernel, bias = %bias) -> %0 {activation = #nn.activation<relu>} : (memref<?x4xf32>, memref<4x16xf32>, memref<16xf32>) -> memref<?x16xf32> loc("mlp/dense/Relu")
  rt.call @map(inputs = %0, inputs = %bias) -> %0 : (memref<?x16xf32>, memref<16xf32>) -> memref<?x16xf32> {
  ^bb0(%a: f32, %b: f32):
    %1 = nn.hard_sigmoid %a : f32
    %2 = nn.mul %1, %a : f32
    %3 = nn.add %2, %b : f32
    nn.yield %3 : f32
  } loc("mlp/gate/mul")
  %logits_kernel = rt.weight @"logits/kernel" packing "panels" : memref<16x3xf32>
  %1 = memref.alloc(%N) {rt.offset = #nn.dims<64*N>} : memref<?x3xf32>
  rt.call @matmul(lhs = %0, rhs = %logits_kernel) -> %1 : (memref<?x16xf32>, memref<16x3xf32>) -> memref<?x3xf32> loc("mlp/logits/MatMul")
  memref.dealloc %0 : memref<?x16xf32>
  rt.call @softmax(input = %1) -> %out {axis = 1 : i64} : (memref<?x3xf32>) -> memref<?x3xf32> loc("mlp/logits/Softmax")
  memref.dealloc %1 : memref<?x3xf32>
  func.return
}
