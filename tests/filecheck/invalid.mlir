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
