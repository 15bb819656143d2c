// RUN: tfrc opt %s -p micro-batch | filecheck %s

// The largest micro-batch whose arena fits into the cache; every call keeps the examples apart.
// CHECK-LABEL: @images
// CHECK-SAME:  rt.arena = #nn.dims<4194304*N>, rt.micro_batch = 2 : i64}
func.func @images(%x: memref<?x512x512x8xf32>, %out: memref<?x8xf32>) attributes {rt.arena = #nn.dims<4194304*N>} {
  %N = rt.size <N> : index
  %0 = memref.alloc(%N) : memref<?x512x512x8xf32>
  rt.call @softmax(input = %x) -> %0 {axis = 3} : (memref<?x512x512x8xf32>) -> memref<?x512x512x8xf32>
  %1 = rt.view %0 offset <0> : memref<?x512x512x8xf32> to memref<?x262144x8xf32>
  rt.call @mean(input = %1) -> %out {axes = [1]} : (memref<?x262144x8xf32>) -> memref<?x8xf32>
  memref.dealloc %0 : memref<?x512x512x8xf32>
  func.return
}

// One example alone is larger than the cache.
// CHECK-LABEL: @giants
// CHECK-SAME:  rt.micro_batch = 1 : i64}
func.func @giants(%x: memref<?x8xf32>, %out: memref<?x8xf32>) attributes {rt.arena = #nn.dims<33554432*N>} {
  rt.call @copy(input = %x) -> %out : (memref<?x8xf32>) -> memref<?x8xf32>
  func.return
}

// Small buffers: all examples at once.
// CHECK-LABEL: @small
// CHECK-NOT:   rt.micro_batch
func.func @small(%x: memref<?x8xf32>, %out: memref<?x8xf32>) attributes {rt.arena = #nn.dims<64*N>} {
  rt.call @copy(input = %x) -> %out : (memref<?x8xf32>) -> memref<?x8xf32>
  func.return
}

// A cumulative sum over the batch mixes the examples, and so does a mean of all of them.
// CHECK-LABEL: @running_sum
// CHECK-NOT:   rt.micro_batch
func.func @running_sum(%x: memref<?x8xf32>, %out: memref<?x8xf32>) attributes {rt.arena = #nn.dims<4194304*N>} {
  rt.call @cumsum(input = %x) -> %out {axis = 0} : (memref<?x8xf32>) -> memref<?x8xf32>
  func.return
}
// CHECK-LABEL: @centred
// CHECK-NOT:   rt.micro_batch
func.func @centred(%x: memref<?x8xf32>, %out: memref<?x8xf32>) attributes {rt.arena = #nn.dims<4194304*N>} {
  %0 = memref.alloc() : memref<1x8xf32>
  rt.call @mean(input = %x) -> %0 {axes = [0]} : (memref<?x8xf32>) -> memref<1x8xf32>
  rt.call @broadcast_to(input = %0) -> %out : (memref<1x8xf32>) -> memref<?x8xf32>
  memref.dealloc %0 : memref<1x8xf32>
  func.return
}

// The first half of a batch lies in a part of the buffer.
// CHECK-LABEL: @half
// CHECK-NOT:   rt.micro_batch
func.func @half(%x: memref<?x8xf32>, %out: memref<?x8xf32>) attributes {rt.arena = #nn.dims<4194304*N>} {
  %N = rt.size <2*N> : index
  %0 = memref.alloc(%N) : memref<?x8xf32>
  %1 = rt.view %0 offset <0> : memref<?x8xf32> to memref<?x4xf32>
  rt.call @pad(input = %1) -> %out : (memref<?x4xf32>) -> memref<?x8xf32>
  memref.dealloc %0 : memref<?x8xf32>
  func.return
}

// Time before the batch: an example is not in one piece.
// CHECK-LABEL: @time_major
// CHECK-NOT:   rt.micro_batch
func.func @time_major(%x: memref<?x9x8xf32>, %out: memref<?x9x8xf32>) attributes {rt.arena = #nn.dims<4194304*N>} {
  %N = rt.size <N> : index
  %0 = memref.alloc(%N) : memref<9x?x8xf32>
  rt.call @transpose(input = %x) -> %0 {permutation = [1, 0, 2]} : (memref<?x9x8xf32>) -> memref<9x?x8xf32>
  rt.call @transpose(input = %0) -> %out {permutation = [1, 0, 2]} : (memref<9x?x8xf32>) -> memref<?x9x8xf32>
  memref.dealloc %0 : memref<9x?x8xf32>
  func.return
}

// A dense layer of 64 MB is read once for all examples.
// CHECK-LABEL: @dense
// CHECK-NOT:   rt.micro_batch
func.func @dense(%x: memref<?x4096xf32>, %out: memref<?x4096xf32>) attributes {rt.arena = #nn.dims<4194304*N>} {
  %w = rt.weight @"dense/kernel" packing "panels" : memref<4096x4096xf32>
  rt.call @matmul(lhs = %x, rhs = %w) -> %out : (memref<?x4096xf32>, memref<4096x4096xf32>) -> memref<?x4096xf32>
  func.return
}

// One of 16 MB waits for every 8 examples, if these write more than that: 3 MB each.
// CHECK-LABEL: @head
// CHECK-SAME:  rt.micro_batch = 8 : i64
func.func @head(%x: memref<?x64x4096xf32>, %out: memref<?x1024xf32>) attributes {rt.arena = #nn.dims<1048576*N>} {
  %N = rt.size <N> : index
  %0 = memref.alloc(%N) : memref<?x64x4096xf32>
  rt.call @softmax(input = %x) -> %0 {axis = 2} : (memref<?x64x4096xf32>) -> memref<?x64x4096xf32>
  rt.call @softmax(input = %0) -> %0 {axis = 1} : (memref<?x64x4096xf32>) -> memref<?x64x4096xf32>
  rt.call @softmax(input = %0) -> %0 {axis = 2} : (memref<?x64x4096xf32>) -> memref<?x64x4096xf32>
  %1 = memref.alloc(%N) : memref<?x4096xf32>
  rt.call @mean(input = %0) -> %1 {axes = [1]} : (memref<?x64x4096xf32>) -> memref<?x4096xf32>
  memref.dealloc %0 : memref<?x64x4096xf32>
  %w = rt.weight @"head/kernel" packing "panels" : memref<4096x1024xf32>
  rt.call @matmul(lhs = %1, rhs = %w) -> %out : (memref<?x4096xf32>, memref<4096x1024xf32>) -> memref<?x1024xf32>
  memref.dealloc %1 : memref<?x4096xf32>
  func.return
}

// The same weights for 128 rows of an example: a product takes longer than they do. The arena may be a third of them.
// CHECK-LABEL: @tokens
// CHECK-SAME:  rt.micro_batch = 10 : i64
func.func @tokens(%x: memref<?x128x4096xf32>, %out: memref<?x128x4096xf32>) attributes {rt.arena = #nn.dims<2097152*N>} {
  %w = rt.weight @"dense/kernel" packing "panels" : memref<4096x4096xf32>
  rt.call @matmul(lhs = %x, rhs = %w) -> %out : (memref<?x128x4096xf32>, memref<4096x4096xf32>) -> memref<?x128x4096xf32>
  func.return
}
