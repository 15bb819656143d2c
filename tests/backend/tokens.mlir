func.func @serving_default(%tokens: memref<?x5xi32> {tf.name = "tokens"}, %mask: memref<?x5xi1> {tf.name = "type"}, %out: memref<?x20xf32> {tf.name = "embedded-tokens"}, %known: memref<?x5xi1> {tf.name = "do"}) attributes {rt.arena = #nn.dims<512*N>} {
  %N = rt.size <N> : index
  %0 = memref.alloc(%N) {rt.offset = #nn.dims<0>} : memref<?x5xi32>
  rt.call @map(inputs = %tokens, inputs = %mask) -> %0 : (memref<?x5xi32>, memref<?x5xi1>) -> memref<?x5xi32> {
  ^bb0(%token: i32, %keep: i1):
    %zero = nn.constant 0 : i32
    %size = nn.constant 10 : i32
    %1 = nn.less %token, %zero : i32
    %2 = nn.add %token, %size : i32
    %3 = nn.select %1, %2, %token : i1, i32, i32
    %4 = nn.select %keep, %3, %zero : i1, i32, i32
    nn.yield %4 : i32
  } loc("lookup/SelectV2")
  %table = rt.weight @"embedding/table" : memref<10x4xf32>
  %5 = rt.view %out offset <0> : memref<?x20xf32> to memref<?x5x4xf32>
  rt.call @gather(input = %table, indices = %0) -> %5 {axis = 0 : i64, batch_dims = 0 : i64} : (memref<10x4xf32>, memref<?x5xi32>) -> memref<?x5x4xf32> loc("lookup/GatherV2")
  rt.call @map(inputs = %0) -> %known : (memref<?x5xi32>) -> memref<?x5xi1> {
  ^bb0(%token: i32):
    %zero = nn.constant 0 : i32
    %6 = nn.greater %token, %zero : i32
    nn.yield %6 : i1
  } loc("known/Greater")
  memref.dealloc %0 : memref<?x5xi32>
  func.return
}

func.func @match(%x: memref<3x2xf32> {tf.name = "x"}, %y: memref<2xf32> {tf.name = "y"}, %out: memref<2x3xf32> {tf.name = "scaled"}) attributes {rt.arena = #nn.dims<64>} {
  %0 = memref.alloc() {rt.offset = #nn.dims<0>} : memref<3x2xf32>
  rt.call @map(inputs = %x, inputs = %y) -> %0 : (memref<3x2xf32>, memref<2xf32>) -> memref<3x2xf32> {
  ^bb0(%a: f32, %b: f32):
    %half = nn.constant 0.5 : f32
    %1 = nn.exp %a : f32
    %2 = nn.maximum %1, %half : f32
    %3 = nn.sub %2, %b : f32
    %4 = nn.mul %3, %3 : f32
    %5 = nn.elu %4 alpha = 0.3 : f32
    %6 = nn.div %half, %5 : f32
    nn.yield %6 : f32
  } loc("scale/truediv")
  rt.call @transpose(input = %0) -> %out {permutation = array<i64: 1, 0>} : (memref<3x2xf32>) -> memref<2x3xf32> loc("transpose")
  memref.dealloc %0 : memref<3x2xf32>
  func.return
}
