// RUN: tfrc opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: tf.dims holds 2 elements, but its type has 3
func.func @dims() {
  %0 = tf.dims <N, 4> : tensor<3xi32>
  func.return
}

// -----

// CHECK: nn.matmul: lhs sums over 4, but rhs over 5
func.func @matmul(%x: tensor<?x4xf32>, %w: tensor<5x2xf32>) {
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<5x2xf32> -> tensor<?x2xf32>
  func.return
}

// -----

// CHECK: rt.view: Nx4 from element 1 does not fit into Nx4
func.func @view(%x: memref<?x4xf32>) {
  %0 = rt.view %x offset <1> : memref<?x4xf32> to memref<?x4xf32>
  func.return
}

// -----

// CHECK: nn.read: there is no nn.variable @b in the module
nn.variable @a : tensor<4xf32>
func.func @unknown() {
  %0 = nn.read @b : tensor<4xf32>
  func.return
}

// -----

// CHECK: nn.assign: @a is a tensor<4xf32>, but here it is a tensor<5xf32>
nn.variable @a : tensor<4xf32>
func.func @shape(%x: tensor<5xf32>) {
  nn.assign @a, %x : tensor<5xf32>
  func.return
}

// -----

// CHECK: nn.assign: two values for @a
nn.variable @a : tensor<4xf32>
func.func @twice(%x: tensor<4xf32>) {
  nn.assign @a, %x : tensor<4xf32>
  nn.assign @a, %x : tensor<4xf32>
  func.return
}

// -----

// CHECK: nn.assign @a: assignments stand last in a function
nn.variable @a : tensor<4xf32>
func.func @early(%x: tensor<4xf32>) -> tensor<4xf32> {
  nn.assign @a, %x : tensor<4xf32>
  %0 = nn.read @a : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// -----

// CHECK: nn.variable @a:
nn.variable @a : tensor<?xf32>

// -----

// CHECK: tf.then: its condition is a tensor<2xi1>, not a tensor<i1>
func.func @condition(%c: tensor<2xi1>) {
  tf.then %c : tensor<2xi1>
  func.return
}

// -----

// CHECK: tf.merge has 1 and 0 values for 1 results
func.func @merge(%c: tensor<i1>, %x: tensor<f32>) {
  %0 = tf.merge %c then(%x : tensor<f32>) else() : tensor<i1> -> tensor<f32>
  func.return
}

// -----

// CHECK: rt.call @copy: its condition is a memref<4xf32>
func.func @when(%x: memref<4xf32>, %out: memref<4xf32>) {
  rt.call @copy(input = %x) -> %out when(%x) : (memref<4xf32>, memref<4xf32>) -> memref<4xf32>
  func.return
}

// -----

// CHECK: rt.call @row_bands: its operands or results have other types in its body
func.func @bands(%x: memref<1x8x8x4xf32>, %out: memref<1x8x8x4xf32>, %mean: memref<1x4xf32>) {
  %w = rt.weight @taps : memref<1x1x4x1xf32>
  rt.call @row_bands(input = %x, filter_0 = %w) -> %out, %mean {rows = 2 : i64} : (memref<1x8x8x4xf32>, memref<1x1x4x1xf32>) -> (memref<1x8x8x4xf32>, memref<1x4xf32>) {
  ^bb0(%a: memref<1x8x8x4xf32>, %b: memref<1x1x4x1xf32>, %c: memref<1x8x8x4xf32>):
    rt.call @depthwise_conv2d(input = %a, filter = %b) -> %c {dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (memref<1x8x8x4xf32>, memref<1x1x4x1xf32>) -> memref<1x8x8x4xf32>
    nn.yield %c : memref<1x8x8x4xf32>
  }
  func.return
}

// -----

// CHECK: rt.columns: 4x3 from column 6 on is no part of 4x8
func.func @columns(%x: memref<4x8xf32>) {
  %0 = rt.columns %x first <6> : memref<4x8xf32> to memref<4x3xf32>
  func.return
}

// -----

// CHECK: nn.max_pool: pads [2, 0, 0, 0] without zeros hold windows of 2x2
func.func @pool(%x: tensor<?x4x4x2xf32>) {
  %0 = nn.max_pool %x window = [2, 2] strides = [2, 2] pads = [2, 0, 0, 0] : (tensor<?x4x4x2xf32>) -> tensor<?x3x2x2xf32>
  func.return
}

// -----

// CHECK: nn.avg_pool: there are negative pads in [-1, 0, 0, 0]
func.func @crop(%x: tensor<?x4x4x2xf32>) {
  %0 = nn.avg_pool %x window = [2, 2] strides = [1, 1] pads = [-1, 0, 0, 0] : (tensor<?x4x4x2xf32>) -> tensor<?x2x3x2xf32>
  func.return
}
