// RUN: tfrc opt %s -p plan-arena | filecheck %s

// Two buffers whose lives do not meet share bytes; for every batch, the scratch lies behind those
// that grow and are alive with it.
// CHECK-LABEL: func.func @f
// CHECK-SAME: rt.arena = #nn.dims<256*N+64>
// CHECK: %a = memref.alloc(%N) {rt.offset = #nn.dims<[[A:.*]]>} : memref<?x20xf32>
// CHECK: %b = memref.alloc(%N) {rt.offset = #nn.dims<{{.*}}>} : memref<?x20xf32>
// CHECK: %c = memref.alloc(%N) {rt.offset = #nn.dims<[[A]]>} : memref<?x20xf32>
// CHECK: %s = memref.alloc() {rt.offset = #nn.dims<256*N>} : memref<3xf32>
func.func @f(%x: memref<?x20xf32>, %out: memref<?x20xf32>) {
  %N = rt.size <N> : index
  %a = memref.alloc(%N) : memref<?x20xf32>
  rt.call @copy(input = %x) -> %a : (memref<?x20xf32>) -> memref<?x20xf32>
  %b = memref.alloc(%N) : memref<?x20xf32>
  rt.call @copy(input = %a) -> %b : (memref<?x20xf32>) -> memref<?x20xf32>
  memref.dealloc %a : memref<?x20xf32>
  %c = memref.alloc(%N) : memref<?x20xf32>
  %s = memref.alloc() : memref<3xf32>
  rt.call @copy(input = %b) -> %c scratch(%s) : (memref<?x20xf32>) -> (memref<?x20xf32>, memref<3xf32>)
  memref.dealloc %s : memref<3xf32>
  memref.dealloc %b : memref<?x20xf32>
  rt.call @copy(input = %c) -> %out : (memref<?x20xf32>) -> memref<?x20xf32>
  memref.dealloc %c : memref<?x20xf32>
  func.return
}

// Variables lie in a block of their own, each at a multiple of 64 bytes.
// CHECK:         nn.variable @a {rt.offset = #nn.dims<0>} : tensor<17xf32>
// CHECK-NEXT:    nn.variable @b {rt.offset = #nn.dims<128>} : tensor<i64>
// CHECK-NEXT:    nn.variable @c {rt.offset = #nn.dims<192>} : tensor<2xi1>
// CHECK-LABEL:   func.func @variables
nn.variable @a : tensor<17xf32>
nn.variable @b : tensor<i64>
nn.variable @c : tensor<2xi1>
func.func @variables(%out: memref<17xf32>) {
  %v = rt.variable @a : memref<17xf32>
  rt.call @copy(input = %v) -> %out : (memref<17xf32>) -> memref<17xf32>
  func.return
}

// Each thread runs bands of its own: what a further one needs is not in the arena.
// CHECK-LABEL: func.func @bands
// CHECK-SAME:  rt.arena = #nn.dims<1792>, rt.thread_scratch = 448 : i64
func.func @bands(%x: memref<?x8x8x4xf32>, %v: memref<1x1x4x8xf32>, %w: memref<1x1x8x4xf32>, %out: memref<?x8x8x4xf32>) {
  %s = memref.alloc() : memref<448xf32>
  rt.call @row_bands(input = %x, filter_0 = %v, filter_1 = %w) -> %out scratch(%s) {rows = 7 : i64} : (memref<?x8x8x4xf32>, memref<1x1x4x8xf32>, memref<1x1x8x4xf32>) -> (memref<?x8x8x4xf32>, memref<448xf32>) {
  ^bb0(%image: memref<?x8x8x4xf32>, %a: memref<1x1x4x8xf32>, %b: memref<1x1x8x4xf32>, %between: memref<?x8x8x8xf32>, %result: memref<?x8x8x4xf32>):
    rt.call @conv2d(input = %image, filter = %a) -> %between {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 1 : i64} : (memref<?x8x8x4xf32>, memref<1x1x4x8xf32>) -> memref<?x8x8x8xf32>
    rt.call @conv2d(input = %between, filter = %b) -> %result {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 1 : i64} : (memref<?x8x8x8xf32>, memref<1x1x8x4xf32>) -> memref<?x8x8x4xf32>
    nn.yield %result : memref<?x8x8x4xf32>
  }
  memref.dealloc %s : memref<448xf32>
  func.return
}
