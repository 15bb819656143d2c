// RUN: tfrc opt %s -p in-place | filecheck %s

// CHECK-LABEL: func.func @chain
// CHECK:         [[A:%.*]] = memref.alloc
// CHECK-NOT:     memref.alloc
// CHECK:         rt.call @copy(input = %x) -> [[A]]
// CHECK:         rt.call @softmax(input = [[A]]) -> [[A]]
// CHECK:         rt.call @transpose(input = [[A]]) -> %out
// CHECK-NEXT:    memref.dealloc [[A]]
// CHECK-NEXT:    func.return
func.func @chain(%x: memref<4x8xf32>, %out: memref<8x4xf32>) {
  %0 = memref.alloc() : memref<4x8xf32>
  rt.call @copy(input = %x) -> %0 : (memref<4x8xf32>) -> memref<4x8xf32>
  %1 = memref.alloc() : memref<4x8xf32>
  rt.call @softmax(input = %0) -> %1 {axis = 1 : i64} : (memref<4x8xf32>) -> memref<4x8xf32>
  rt.call @transpose(input = %1) -> %out {permutation = array<i64: 1, 0>} : (memref<4x8xf32>) -> memref<8x4xf32>
  memref.dealloc %0 : memref<4x8xf32>
  memref.dealloc %1 : memref<4x8xf32>
  func.return
}

// What is computed on the way to an output lies there.
// CHECK-LABEL: func.func @output
// CHECK-NEXT:    rt.call @transpose(input = %x) -> %out
// CHECK-NEXT:    rt.call @softmax(input = %out) -> %out
// CHECK-NEXT:    func.return
func.func @output(%x: memref<8x4xf32>, %out: memref<4x8xf32>) {
  %0 = memref.alloc() : memref<4x8xf32>
  rt.call @transpose(input = %x) -> %0 {permutation = array<i64: 1, 0>} : (memref<8x4xf32>) -> memref<4x8xf32>
  rt.call @softmax(input = %0) -> %out {axis = 1 : i64} : (memref<4x8xf32>) -> memref<4x8xf32>
  memref.dealloc %0 : memref<4x8xf32>
  func.return
}

// Not over an input of the caller, nor over a buffer that is read later through a view.
// CHECK-LABEL: func.func @read_later
// CHECK:         rt.call @softmax(input = %x) -> [[A:%.*]] {
// CHECK:         rt.call @softmax(input = [[A]]) -> [[B:%.*]] {
// CHECK:         rt.call @concat(inputs = {{%.*}}, inputs = {{%.*}}) -> %out
func.func @read_later(%x: memref<4x8xf32>, %out: memref<4x16xf32>) {
  %0 = memref.alloc() : memref<4x8xf32>
  rt.call @softmax(input = %x) -> %0 {axis = 1 : i64} : (memref<4x8xf32>) -> memref<4x8xf32>
  %v = rt.view %0 offset <0> : memref<4x8xf32> to memref<4x8xf32>
  %1 = memref.alloc() : memref<4x8xf32>
  rt.call @softmax(input = %0) -> %1 {axis = 1 : i64} : (memref<4x8xf32>) -> memref<4x8xf32>
  rt.call @concat(inputs = %v, inputs = %1) -> %out {axis = 1 : i64} : (memref<4x8xf32>, memref<4x8xf32>) -> memref<4x16xf32>
  memref.dealloc %0 : memref<4x8xf32>
  memref.dealloc %1 : memref<4x8xf32>
  func.return
}

// Not over a buffer that is another operand of the same call.
// CHECK-LABEL: func.func @twice
// CHECK:         rt.call @map(inputs = [[A:%.*]], inputs = [[V:%.*]]) -> [[B:%.*]] :
// CHECK-NOT:     rt.call @map(inputs = [[B]]
func.func @twice(%x: memref<4x4xf32>, %out: memref<4x4xf32>) {
  %0 = memref.alloc() : memref<4x4xf32>
  rt.call @transpose(input = %x) -> %0 {permutation = array<i64: 1, 0>} : (memref<4x4xf32>) -> memref<4x4xf32>
  %v = rt.view %0 offset <0> : memref<4x4xf32> to memref<4xf32>
  %1 = memref.alloc() : memref<4x4xf32>
  rt.call @map(inputs = %0, inputs = %v) -> %1 : (memref<4x4xf32>, memref<4xf32>) -> memref<4x4xf32> {
  ^bb0(%a: f32, %b: f32):
    %2 = nn.mul %a, %b : f32
    nn.yield %2 : f32
  }
  rt.call @transpose(input = %1) -> %out {permutation = array<i64: 1, 0>} : (memref<4x4xf32>) -> memref<4x4xf32>
  memref.dealloc %0 : memref<4x4xf32>
  memref.dealloc %1 : memref<4x4xf32>
  func.return
}

// The inputs of a contiguous concatenation are computed in it; one that lies elsewhere is copied.
// CHECK-LABEL: func.func @concat
// CHECK:         [[C:%.*]] = memref.alloc(%N2)
// CHECK-NEXT:    [[A:%.*]] = rt.view [[C]] offset <0> : {{.*}} to memref<?x8xf32>
// CHECK-NEXT:    rt.call @softmax(input = %x) -> [[A]]
// CHECK-NEXT:    [[B:%.*]] = rt.view [[C]] offset <8*N> : {{.*}} to memref<?x8xf32>
// CHECK-NEXT:    rt.call @copy(input = %x) -> [[B]]
// CHECK-NEXT:    rt.call @sum(input = [[C]]) -> %out
// CHECK-NEXT:    memref.dealloc [[C]]
func.func @concat(%x: memref<?x8xf32>, %out: memref<8xf32>) {
  %N = rt.size <N> : index
  %N2 = rt.size <2*N> : index
  %0 = memref.alloc(%N) : memref<?x8xf32>
  rt.call @softmax(input = %x) -> %0 {axis = 1 : i64} : (memref<?x8xf32>) -> memref<?x8xf32>
  %1 = memref.alloc(%N2) : memref<?x8xf32, #nn.dims<2*N, 8>>
  rt.call @concat(inputs = %0, inputs = %x) -> %1 {axis = 0 : i64} : (memref<?x8xf32>, memref<?x8xf32>) -> memref<?x8xf32, #nn.dims<2*N, 8>>
  rt.call @sum(input = %1) -> %out {axes = array<i64: 0>, keep_dims = false} : (memref<?x8xf32, #nn.dims<2*N, 8>>) -> memref<8xf32>
  memref.dealloc %0 : memref<?x8xf32>
  memref.dealloc %1 : memref<?x8xf32, #nn.dims<2*N, 8>>
  func.return
}

// Halves of the leading dimension are views; columns are copied, and so is a small part that would
// keep all the rest alive.
// CHECK-LABEL: func.func @slices
// CHECK:         [[L:%.*]] = rt.view [[A:%.*]] offset <16>
// CHECK:         rt.call @slice(input = [[A]]) -> [[R:%.*]] {begin = #nn.dims<0, 4>
// CHECK:         rt.view %x offset <24>
// CHECK:         rt.call @slice(input = [[R]])
func.func @slices(%x: memref<4x8xf32>, %out0: memref<8x2xf32>, %out1: memref<2x4xf32>, %out2: memref<8x1xf32>, %out3: memref<4x1xf32>) {
  %0 = memref.alloc() : memref<4x8xf32>
  rt.call @softmax(input = %x) -> %0 {axis = 1 : i64} : (memref<4x8xf32>) -> memref<4x8xf32>
  %1 = memref.alloc() : memref<2x8xf32>
  rt.call @slice(input = %0) -> %1 {begin = #nn.dims<2, 0>, strides = array<i64: 1, 1>} : (memref<4x8xf32>) -> memref<2x8xf32>
  %2 = memref.alloc() : memref<4x4xf32>
  rt.call @slice(input = %0) -> %2 {begin = #nn.dims<0, 4>, strides = array<i64: 1, 1>} : (memref<4x8xf32>) -> memref<4x4xf32>
  %3 = memref.alloc() : memref<1x8xf32>
  rt.call @slice(input = %x) -> %3 {begin = #nn.dims<3, 0>, strides = array<i64: 1, 1>} : (memref<4x8xf32>) -> memref<1x8xf32>
  rt.call @transpose(input = %1) -> %out0 {permutation = array<i64: 1, 0>} : (memref<2x8xf32>) -> memref<8x2xf32>
  %4 = memref.alloc() : memref<1x4xf32>
  rt.call @slice(input = %2) -> %4 {begin = #nn.dims<1, 0>, strides = array<i64: 1, 1>} : (memref<4x4xf32>) -> memref<1x4xf32>
  rt.call @concat(inputs = %4, inputs = %4) -> %out1 {axis = 0 : i64} : (memref<1x4xf32>, memref<1x4xf32>) -> memref<2x4xf32>
  rt.call @transpose(input = %3) -> %out2 {permutation = array<i64: 1, 0>} : (memref<1x8xf32>) -> memref<8x1xf32>
  rt.call @transpose(input = %4) -> %out3 {permutation = array<i64: 1, 0>} : (memref<1x4xf32>) -> memref<4x1xf32>
  memref.dealloc %0 : memref<4x8xf32>
  memref.dealloc %1 : memref<2x8xf32>
  memref.dealloc %2 : memref<4x4xf32>
  memref.dealloc %3 : memref<1x8xf32>
  memref.dealloc %4 : memref<1x4xf32>
  func.return
}

// The new value of a variable is computed in the variable, unless the old one is read later.
// CHECK-LABEL: func.func @update
// CHECK-NEXT:    %v = rt.variable @v
// CHECK-NEXT:    rt.call @softmax(input = %v) -> %v
// CHECK-NEXT:    func.return
func.func @update() {
  %v = rt.variable @v : memref<2x4xf32>
  %0 = memref.alloc() : memref<2x4xf32>
  rt.call @softmax(input = %v) -> %0 {axis = 1 : i64} : (memref<2x4xf32>) -> memref<2x4xf32>
  rt.call @copy(input = %0) -> %v : (memref<2x4xf32>) -> memref<2x4xf32>
  memref.dealloc %0 : memref<2x4xf32>
  func.return
}

// CHECK-LABEL: func.func @old_value
// CHECK:         rt.call @softmax(input = %v) -> [[NEW:%.*]] {axis
// CHECK-NEXT:    rt.call @transpose(input = %v) -> %out
// CHECK-NEXT:    rt.call @copy(input = [[NEW]]) -> %v
func.func @old_value(%out: memref<4x2xf32>) {
  %v = rt.variable @v : memref<2x4xf32>
  %0 = memref.alloc() : memref<2x4xf32>
  rt.call @softmax(input = %v) -> %0 {axis = 1 : i64} : (memref<2x4xf32>) -> memref<2x4xf32>
  rt.call @transpose(input = %v) -> %out {permutation = array<i64: 1, 0>} : (memref<2x4xf32>) -> memref<4x2xf32>
  rt.call @copy(input = %0) -> %v : (memref<2x4xf32>) -> memref<2x4xf32>
  memref.dealloc %0 : memref<2x4xf32>
  func.return
}

// A gather may find an index out of range, and then the variable keeps its value.
// CHECK-LABEL: func.func @fallible
// CHECK:         rt.call @softmax(input = %v) -> [[NEW:%.*]] {axis
// CHECK-NEXT:    rt.call @gather
// CHECK-NEXT:    rt.call @copy(input = [[NEW]]) -> %v
func.func @fallible(%x: memref<3x4xf32>, %i: memref<2xi32>, %out: memref<2x4xf32>) {
  %v = rt.variable @v : memref<2x4xf32>
  %0 = memref.alloc() : memref<2x4xf32>
  rt.call @softmax(input = %v) -> %0 {axis = 1 : i64} : (memref<2x4xf32>) -> memref<2x4xf32>
  rt.call @gather(input = %x, indices = %i) -> %out {axis = 0 : i64, batch_dims = 0 : i64} : (memref<3x4xf32>, memref<2xi32>) -> memref<2x4xf32>
  rt.call @copy(input = %0) -> %v : (memref<2x4xf32>) -> memref<2x4xf32>
  memref.dealloc %0 : memref<2x4xf32>
  func.return
}

// So may the gradient of one.
// CHECK-LABEL: func.func @fallible_sum
// CHECK:         rt.call @softmax(input = %v) -> [[NEW:%.*]] {axis
// CHECK-NEXT:    rt.call @segment_sum
// CHECK-NEXT:    rt.call @copy(input = [[NEW]]) -> %v
func.func @fallible_sum(%x: memref<3x4xf32>, %i: memref<3xi32>, %out: memref<2x4xf32>) {
  %v = rt.variable @v : memref<2x4xf32>
  %0 = memref.alloc() : memref<2x4xf32>
  rt.call @softmax(input = %v) -> %0 {axis = 1 : i64} : (memref<2x4xf32>) -> memref<2x4xf32>
  rt.call @segment_sum(input = %x, indices = %i) -> %out : (memref<3x4xf32>, memref<3xi32>) -> memref<2x4xf32>
  rt.call @copy(input = %0) -> %v : (memref<2x4xf32>) -> memref<2x4xf32>
  memref.dealloc %0 : memref<2x4xf32>
  func.return
}

// A part of a variable that is written stays a copy.
// CHECK-LABEL: func.func @part
// CHECK:         rt.call @slice(input = %v)
func.func @part(%out: memref<1x4xf32>) {
  %v = rt.variable @v : memref<2x4xf32>
  %0 = memref.alloc() : memref<1x4xf32>
  rt.call @slice(input = %v) -> %0 {begin = #nn.dims<1, 0>, strides = array<i64: 1, 1>} : (memref<2x4xf32>) -> memref<1x4xf32>
  rt.call @softmax(input = %v) -> %v {axis = 1 : i64} : (memref<2x4xf32>) -> memref<2x4xf32>
  rt.call @softmax(input = %0) -> %out {axis = 1 : i64} : (memref<1x4xf32>) -> memref<1x4xf32>
  memref.dealloc %0 : memref<1x4xf32>
  func.return
}

// A new value or the old one: the new one is computed where it is wanted, and nothing is done else.
// CHECK-LABEL: func.func @new_or_old
// CHECK:         rt.call @map(inputs = %x, inputs = %v) -> %v when(%c) : (memref<2x4xf32>, memref<2x4xf32>, memref<i1>) -> memref<2x4xf32> {
// CHECK-NEXT:    ^bb0([[X:%.*]]: f32, [[V:%.*]]: f32):
// CHECK-NEXT:      [[S:%.*]] = nn.add [[X]], [[V]] : f32
// CHECK-NEXT:      nn.yield [[S]] : f32
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
func.func @new_or_old(%c: memref<i1>, %x: memref<2x4xf32>) {
  %v = rt.variable @v : memref<2x4xf32>
  rt.call @map(inputs = %c, inputs = %x, inputs = %v) -> %v : (memref<i1>, memref<2x4xf32>, memref<2x4xf32>) -> memref<2x4xf32> {
  ^bb0(%a: i1, %b: f32, %d: f32):
    %e = nn.add %b, %d : f32
    %f = nn.select %a, %e, %d : i1, f32, f32
    nn.yield %f : f32
  }
  func.return
}

// Two sides are two calls.
// CHECK-LABEL: func.func @sides
// CHECK:         rt.call @copy(input = %x) -> %out when(%c)
// CHECK-NEXT:    rt.call @map(inputs = %y) -> %out when(not %c)
func.func @sides(%c: memref<i1>, %x: memref<2x4xf32>, %y: memref<2x4xf32>, %out: memref<2x4xf32>) {
  rt.call @map(inputs = %c, inputs = %x, inputs = %y) -> %out : (memref<i1>, memref<2x4xf32>, memref<2x4xf32>) -> memref<2x4xf32> {
  ^bb0(%a: i1, %b: f32, %d: f32):
    %e = nn.neg %d : f32
    %f = nn.select %a, %b, %e : i1, f32, f32
    nn.yield %f : f32
  }
  func.return
}

// A product adds to the residual where it lies, unless the residual is its input as well, is read
// later, or belongs to the caller.
// CHECK-LABEL: func.func @residual
// CHECK:         rt.call @conv2d(input = %x, filter = %w) -> [[A:%.*]] {
// CHECK:         rt.call @conv2d(input = %x, filter = %w, residual = [[A]]) -> [[A]] {
// CHECK:         rt.call @conv2d(input = [[A]], filter = %w, residual = [[A]]) -> [[B:%.*]] {
// CHECK:         rt.call @matmul(lhs = [[B]], rhs = %m, residual = %y) -> %out0
// CHECK-NEXT:    rt.call @transpose(input = [[B]])
func.func @residual(%x: memref<1x4x4x8xf32>, %y: memref<1x4x4x8xf32>, %out0: memref<1x4x4x8xf32>, %out1: memref<8x4x4x1xf32>) {
  %w = rt.weight @w packing "panels" : memref<1x1x8x8xf32>
  %m = rt.weight @m packing "panels" : memref<8x8xf32>
  %0 = memref.alloc() : memref<1x4x4x8xf32>
  rt.call @conv2d(input = %x, filter = %w) -> %0 {strides = array<i64: 1, 1>} : (memref<1x4x4x8xf32>, memref<1x1x8x8xf32>) -> memref<1x4x4x8xf32>
  %1 = memref.alloc() : memref<1x4x4x8xf32>
  rt.call @conv2d(input = %x, filter = %w, residual = %0) -> %1 {strides = array<i64: 1, 1>} : (memref<1x4x4x8xf32>, memref<1x1x8x8xf32>, memref<1x4x4x8xf32>) -> memref<1x4x4x8xf32>
  %2 = memref.alloc() : memref<1x4x4x8xf32>
  rt.call @conv2d(input = %1, filter = %w, residual = %1) -> %2 {strides = array<i64: 1, 1>} : (memref<1x4x4x8xf32>, memref<1x1x8x8xf32>, memref<1x4x4x8xf32>) -> memref<1x4x4x8xf32>
  rt.call @matmul(lhs = %2, rhs = %m, residual = %y) -> %out0 : (memref<1x4x4x8xf32>, memref<8x8xf32>, memref<1x4x4x8xf32>) -> memref<1x4x4x8xf32>
  rt.call @transpose(input = %2) -> %out1 {permutation = array<i64: 3, 2, 1, 0>} : (memref<1x4x4x8xf32>) -> memref<8x4x4x1xf32>
  memref.dealloc %0 : memref<1x4x4x8xf32>
  memref.dealloc %1 : memref<1x4x4x8xf32>
  memref.dealloc %2 : memref<1x4x4x8xf32>
  func.return
}

// A chain of concatenations along the last axis is one buffer: products write their columns of it,
// maps read them, and what neither can write is copied.
// CHECK-LABEL: func.func @columns
// CHECK:         [[C:%.*]] = memref.alloc(%N) : memref<?x12xf32>
// CHECK-NEXT:    [[A:%.*]] = rt.columns [[C]] first <0> : memref<?x12xf32> to memref<?x4xf32>
// CHECK-NEXT:    rt.call @matmul(lhs = %x, rhs = %w) -> [[A]]
// CHECK-NEXT:    [[B:%.*]] = memref.alloc(%N) : memref<?x4xf32>
// CHECK-NEXT:    rt.call @map(inputs = [[A]]) -> [[B]]
// CHECK:         rt.call @softmax(input = [[B]]) -> [[B]]
// CHECK-NEXT:    [[D:%.*]] = rt.columns [[C]] first <4> : memref<?x12xf32> to memref<?x4xf32>
// CHECK-NEXT:    rt.call @copy(input = [[B]]) -> [[D]]
// CHECK-NEXT:    [[E:%.*]] = rt.columns [[C]] first <8> : memref<?x12xf32> to memref<?x4xf32>
// CHECK-NEXT:    rt.call @matmul(lhs = %y, rhs = %w) -> [[E]]
// CHECK-NEXT:    rt.call @sum(input = [[C]]) -> %out
func.func @columns(%x: memref<?x4xf32>, %y: memref<?x4xf32>, %out: memref<12xf32>) {
  %w = rt.weight @w packing "panels" : memref<4x4xf32>
  %N = rt.size <N> : index
  %0 = memref.alloc(%N) : memref<?x4xf32>
  rt.call @matmul(lhs = %x, rhs = %w) -> %0 : (memref<?x4xf32>, memref<4x4xf32>) -> memref<?x4xf32>
  %1 = memref.alloc(%N) : memref<?x4xf32>
  rt.call @map(inputs = %0) -> %1 : (memref<?x4xf32>) -> memref<?x4xf32> {
  ^bb0(%a: f32):
    %8 = nn.exp %a : f32
    nn.yield %8 : f32
  }
  %2 = memref.alloc(%N) : memref<?x4xf32>
  rt.call @softmax(input = %1) -> %2 {axis = 1 : i64} : (memref<?x4xf32>) -> memref<?x4xf32>
  %3 = memref.alloc(%N) : memref<?x8xf32>
  rt.call @concat(inputs = %0, inputs = %2) -> %3 {axis = 1 : i64} : (memref<?x4xf32>, memref<?x4xf32>) -> memref<?x8xf32>
  %4 = memref.alloc(%N) : memref<?x4xf32>
  rt.call @matmul(lhs = %y, rhs = %w) -> %4 : (memref<?x4xf32>, memref<4x4xf32>) -> memref<?x4xf32>
  %5 = memref.alloc(%N) : memref<?x12xf32>
  rt.call @concat(inputs = %3, inputs = %4) -> %5 {axis = 1 : i64} : (memref<?x8xf32>, memref<?x4xf32>) -> memref<?x12xf32>
  rt.call @sum(input = %5) -> %out {axes = array<i64: 0>, keep_dims = false} : (memref<?x12xf32>) -> memref<12xf32>
  memref.dealloc %0 : memref<?x4xf32>
  memref.dealloc %1 : memref<?x4xf32>
  memref.dealloc %2 : memref<?x4xf32>
  memref.dealloc %3 : memref<?x8xf32>
  memref.dealloc %4 : memref<?x4xf32>
  memref.dealloc %5 : memref<?x12xf32>
  func.return
}

// The result begins behind the peak: what is computed before is copied.
// CHECK-LABEL: func.func @begins_late
// CHECK:         [[A:%.*]] = memref.alloc() : memref<4x4xf32>
// CHECK-NEXT:    rt.call @matmul(lhs = %x, rhs = [[W:%.*]]) -> [[A]]
// CHECK:         [[B:%.*]] = memref.alloc() : memref<4x4xf32>
// CHECK-NEXT:    rt.call @matmul(lhs = [[L:%.*]], rhs = [[N:%.*]]) -> [[B]]
// CHECK-NEXT:    [[T:%.*]] = memref.alloc() : memref<4x12xf32>
// CHECK-NEXT:    [[C:%.*]] = rt.columns [[T]] first <8> : memref<4x12xf32> to memref<4x4xf32>
// CHECK-NEXT:    rt.call @matmul(lhs = %x, rhs = [[W]]) -> [[C]]
// CHECK-NEXT:    [[D:%.*]] = rt.columns [[T]] first <0>
// CHECK-NEXT:    rt.call @copy(input = [[A]]) -> [[D]]
// CHECK-NEXT:    [[E:%.*]] = rt.columns [[T]] first <4>
// CHECK-NEXT:    rt.call @copy(input = [[B]]) -> [[E]]
// CHECK-NEXT:    rt.call @sum(input = [[T]]) -> %out
func.func @begins_late(%x: memref<4x4xf32>, %out: memref<12xf32>) {
  %w = rt.weight @w packing "panels" : memref<4x4xf32>
  %wide = rt.weight @wide packing "panels" : memref<4x64xf32>
  %narrow = rt.weight @narrow packing "panels" : memref<64x4xf32>
  %0 = memref.alloc() : memref<4x4xf32>
  rt.call @matmul(lhs = %x, rhs = %w) -> %0 : (memref<4x4xf32>, memref<4x4xf32>) -> memref<4x4xf32>
  %1 = memref.alloc() : memref<4x64xf32>
  rt.call @matmul(lhs = %x, rhs = %wide) -> %1 : (memref<4x4xf32>, memref<4x64xf32>) -> memref<4x64xf32>
  %2 = memref.alloc() : memref<4x4xf32>
  rt.call @matmul(lhs = %1, rhs = %narrow) -> %2 : (memref<4x64xf32>, memref<64x4xf32>) -> memref<4x4xf32>
  %3 = memref.alloc() : memref<4x4xf32>
  rt.call @matmul(lhs = %x, rhs = %w) -> %3 : (memref<4x4xf32>, memref<4x4xf32>) -> memref<4x4xf32>
  %4 = memref.alloc() : memref<4x12xf32>
  rt.call @concat(inputs = %0, inputs = %2, inputs = %3) -> %4 {axis = 1 : i64} : (memref<4x4xf32>, memref<4x4xf32>, memref<4x4xf32>) -> memref<4x12xf32>
  rt.call @sum(input = %4) -> %out {axes = array<i64: 0>, keep_dims = false} : (memref<4x12xf32>) -> memref<12xf32>
  memref.dealloc %0 : memref<4x4xf32>
  memref.dealloc %1 : memref<4x64xf32>
  memref.dealloc %2 : memref<4x4xf32>
  memref.dealloc %3 : memref<4x4xf32>
  memref.dealloc %4 : memref<4x12xf32>
  func.return
}

// Pools read and write columns; a map writes some beside others that it reads.
// CHECK-LABEL: func.func @cell_of_pools
// CHECK-NEXT:    [[W:%.*]] = rt.weight
// CHECK-NEXT:    [[A:%.*]] = rt.columns %out first <0> : memref<1x4x12xf32> to memref<1x4x4xf32>
// CHECK-NEXT:    rt.call @matmul(lhs = %x, rhs = [[W]]) -> [[A]]
// CHECK-NEXT:    [[P:%.*]] = memref.alloc() : memref<1x4x4xf32>
// CHECK-NEXT:    rt.call @avg_pool(input = [[A]]) -> [[P]]
// CHECK-NEXT:    [[B:%.*]] = rt.columns %out first <4>
// CHECK-NEXT:    rt.call @map(inputs = [[P]], inputs = [[A]]) -> [[B]]
// CHECK:         [[C:%.*]] = rt.columns %out first <8>
// CHECK-NEXT:    rt.call @max_pool(input = %x) -> [[C]]
// CHECK-NOT:     rt.call
func.func @cell_of_pools(%x: memref<1x4x4xf32>, %out: memref<1x4x12xf32>) {
  %w = rt.weight @w packing "panels" : memref<4x4xf32>
  %0 = memref.alloc() : memref<1x4x4xf32>
  rt.call @matmul(lhs = %x, rhs = %w) -> %0 : (memref<1x4x4xf32>, memref<4x4xf32>) -> memref<1x4x4xf32>
  %1 = memref.alloc() : memref<1x4x4xf32>
  rt.call @avg_pool(input = %0) -> %1 {window = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 1, 1>, pad_zeros} : (memref<1x4x4xf32>) -> memref<1x4x4xf32>
  %2 = memref.alloc() : memref<1x4x4xf32>
  rt.call @map(inputs = %1, inputs = %0) -> %2 : (memref<1x4x4xf32>, memref<1x4x4xf32>) -> memref<1x4x4xf32> {
  ^bb0(%a: f32, %b: f32):
    %8 = nn.sub %a, %b : f32
    nn.yield %8 : f32
  }
  %3 = memref.alloc() : memref<1x4x4xf32>
  rt.call @max_pool(input = %x) -> %3 {window = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 1, 1>} : (memref<1x4x4xf32>) -> memref<1x4x4xf32>
  rt.call @concat(inputs = %0, inputs = %2, inputs = %3) -> %out {axis = 2 : i64} : (memref<1x4x4xf32>, memref<1x4x4xf32>, memref<1x4x4xf32>) -> memref<1x4x12xf32>
  memref.dealloc %0 : memref<1x4x4xf32>
  memref.dealloc %1 : memref<1x4x4xf32>
  memref.dealloc %2 : memref<1x4x4xf32>
  memref.dealloc %3 : memref<1x4x4xf32>
  func.return
}

// A residual is computed in the columns that the product adds to.
// CHECK-LABEL: func.func @residual_columns
// CHECK:         [[A:%.*]] = rt.columns %out first <0>
// CHECK-NEXT:    rt.call @matmul(lhs = %x, rhs = %w) -> [[A]]
// CHECK-NEXT:    rt.call @matmul(lhs = %y, rhs = %w, residual = [[A]]) -> [[A]]
// CHECK-NEXT:    [[B:%.*]] = rt.columns %out first <4>
// CHECK-NEXT:    rt.call @copy(input = %x) -> [[B]]
func.func @residual_columns(%x: memref<2x4xf32>, %y: memref<2x4xf32>, %out: memref<2x8xf32>) {
  %w = rt.weight @w packing "panels" : memref<4x4xf32>
  %0 = memref.alloc() : memref<2x4xf32>
  rt.call @matmul(lhs = %x, rhs = %w) -> %0 : (memref<2x4xf32>, memref<4x4xf32>) -> memref<2x4xf32>
  %1 = memref.alloc() : memref<2x4xf32>
  rt.call @matmul(lhs = %y, rhs = %w, residual = %0) -> %1 : (memref<2x4xf32>, memref<4x4xf32>, memref<2x4xf32>) -> memref<2x4xf32>
  rt.call @concat(inputs = %1, inputs = %x) -> %out {axis = 1 : i64} : (memref<2x4xf32>, memref<2x4xf32>) -> memref<2x8xf32>
  memref.dealloc %0 : memref<2x4xf32>
  memref.dealloc %1 : memref<2x4xf32>
  func.return
}

// Not if a kernel that needs adjacent rows reads a part: it is copied.
// CHECK-LABEL: func.func @no_columns
// CHECK:         [[A:%.*]] = memref.alloc() : memref<2x4xf32>
// CHECK:         rt.call @matmul(lhs = %x, rhs = %w) -> [[A]]
// CHECK-NEXT:    rt.call @transpose(input = [[A]]) -> %out1
// CHECK-NEXT:    [[B:%.*]] = rt.columns %out0 first <4>
// CHECK-NEXT:    rt.call @map(inputs = [[A]]) -> [[B]]
// CHECK:         [[C:%.*]] = rt.columns %out0 first <0>
// CHECK-NEXT:    rt.call @copy(input = [[A]]) -> [[C]]
func.func @no_columns(%x: memref<2x4xf32>, %out0: memref<2x8xf32>, %out1: memref<4x2xf32>) {
  %w = rt.weight @w packing "panels" : memref<4x4xf32>
  %0 = memref.alloc() : memref<2x4xf32>
  rt.call @matmul(lhs = %x, rhs = %w) -> %0 : (memref<2x4xf32>, memref<4x4xf32>) -> memref<2x4xf32>
  rt.call @transpose(input = %0) -> %out1 {permutation = array<i64: 1, 0>} : (memref<2x4xf32>) -> memref<4x2xf32>
  %1 = memref.alloc() : memref<2x4xf32>
  rt.call @map(inputs = %0) -> %1 : (memref<2x4xf32>) -> memref<2x4xf32> {
  ^bb0(%a: f32):
    %2 = nn.exp %a : f32
    nn.yield %2 : f32
  }
  rt.call @concat(inputs = %0, inputs = %1) -> %out0 {axis = 1 : i64} : (memref<2x4xf32>, memref<2x4xf32>) -> memref<2x8xf32>
  memref.dealloc %0 : memref<2x4xf32>
  memref.dealloc %1 : memref<2x4xf32>
  func.return
}
