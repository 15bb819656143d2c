func.func @serving_default(%x: memref<?x4xf32>, %out: memref<?x2xf32>) {
  %w = rt.weight @"dense/kernel" packing "panels" : memref<4x2xf32>
  %N = rt.size <N> : index
  %0 = memref.alloc(%N) {rt.offset = #nn.dims<64*N>} : memref<?x2xf32>
  %s = memref.alloc() : memref<16xf32>
  rt.call @matmul(lhs = %x, rhs = %w) -> %0 scratch(%s) {groups = 1 : i64} : (memref<?x4xf32>, memref<4x2xf32>) -> (memref<?x2xf32>, memref<16xf32>)
  %k = rt.variable @"dense/bias" : memref<2xf32>
  %v = rt.view %0 offset <0> : memref<?x2xf32> to memref<?xf32, #nn.dims<2*N>>
  rt.call @map(inputs = %0, inputs = %0) -> %0 : (memref<?x2xf32>, memref<?x2xf32>) -> memref<?x2xf32> {
  ^bb0(%a: f32, %b: f32):
    %1 = nn.mul %a, %b : f32
    nn.yield %1 : f32
  }
  %c = memref.alloc() : memref<i1>
  rt.call @softmax(input = %0) -> %out when(%c, not %c) {axis = 1 : i64} : (memref<?x2xf32>, memref<i1>, memref<i1>) -> memref<?x2xf32>
  memref.dealloc %c : memref<i1>
  %d = rt.columns %0 first <1> : memref<?x2xf32> to memref<?x1xf32>
  rt.call @softmax(input = %0) -> %out {axis = 1 : i64} : (memref<?x2xf32>) -> memref<?x2xf32>
  memref.dealloc %0 : memref<?x2xf32>
  memref.dealloc %s : memref<16xf32>
  func.return
}
