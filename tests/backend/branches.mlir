nn.variable @total {rt.offset = #nn.dims<0>} : tensor<4xf32>
nn.variable @frozen {rt.offset = #nn.dims<64>} : tensor<i1>
func.func @train(%x: memref<?x4xf32> {tf.name = "x"}, %out: memref<4xf32> {tf.name = "sum"}) attributes {rt.arena = #nn.dims<320>} {
  %frozen = rt.variable @frozen : memref<i1>
  %total = rt.variable @total : memref<4xf32>
  %0 = memref.alloc() {rt.offset = #nn.dims<0>} : memref<f32>
  rt.call @sum(input = %x) -> %0 {axes = array<i64: 0, 1>, keep_dims = false} : (memref<?x4xf32>) -> memref<f32> loc("Sum")
  %1 = memref.alloc() {rt.offset = #nn.dims<64>} : memref<i1>
  rt.call @map(inputs = %0) -> %1 : (memref<f32>) -> memref<i1> {
  ^bb0(%a: f32):
    %c = nn.constant 0.0 : f32
    %2 = nn.greater %a, %c : f32
    nn.yield %2 : i1
  } loc("Greater")
  %3 = memref.alloc() {rt.offset = #nn.dims<128>} : memref<4xf32>
  rt.call @max(input = %x) -> %3 when(%1, not %frozen) {axes = array<i64: 0>, keep_dims = false} : (memref<?x4xf32>, memref<i1>, memref<i1>) -> memref<4xf32> loc("cond/Max")
  rt.call @map(inputs = %total, inputs = %3) -> %total when(%1, not %frozen) : (memref<4xf32>, memref<4xf32>, memref<i1>, memref<i1>) -> memref<4xf32> {
  ^bb0(%a: f32, %b: f32):
    %4 = nn.add %a, %b : f32
    nn.yield %4 : f32
  } loc("cond/AssignAddVariableOp")
  rt.call @copy(input = %total) -> %out : (memref<4xf32>) -> memref<4xf32> loc("ReadVariableOp")
  memref.dealloc %0 : memref<f32>
  memref.dealloc %1 : memref<i1>
  memref.dealloc %3 : memref<4xf32>
  func.return
}
