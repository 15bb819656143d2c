// RUN: tfrc opt %s -p remove-transposes,canonicalize | filecheck %s

// CHECK-LABEL: @through_elementwise
// CHECK-NEXT:    [[B:%.*]] = nn.reshape %b : (tensor<3x1x1xf32>) -> tensor<1x1x1x3xf32>
// CHECK-NEXT:    [[Y:%.*]] = nn.add %x, [[B]]
// CHECK-NEXT:    nn.relu [[Y]] : tensor<?x4x5x3xf32>
// CHECK-NEXT:    func.return
func.func @through_elementwise(%x: tensor<?x4x5x3xf32>, %b: tensor<3x1x1xf32>) -> tensor<?x4x5x3xf32> {
  %0 = nn.transpose %x permutation = [0, 3, 1, 2] : (tensor<?x4x5x3xf32>) -> tensor<?x3x4x5xf32>
  %1 = nn.add %0, %b : tensor<?x3x4x5xf32>, tensor<3x1x1xf32>
  %2 = nn.relu %1 : tensor<?x3x4x5xf32>
  %3 = nn.transpose %2 permutation = [0, 2, 3, 1] : (tensor<?x3x4x5xf32>) -> tensor<?x4x5x3xf32>
  func.return %3 : tensor<?x4x5x3xf32>
}

// Two transposes become one behind the sum.
// CHECK-LABEL: @two_become_one
// CHECK-NEXT:    [[S:%.*]] = nn.add %x, %y
// CHECK-NEXT:    nn.transpose [[S]] permutation = [0, 2, 1]
// CHECK-NEXT:    func.return
func.func @two_become_one(%x: tensor<?x4x5xf32>, %y: tensor<?x4x5xf32>) -> tensor<?x5x4xf32> {
  %0 = nn.transpose %x permutation = [0, 2, 1] : (tensor<?x4x5xf32>) -> tensor<?x5x4xf32>
  %1 = nn.transpose %y permutation = [0, 2, 1] : (tensor<?x4x5xf32>) -> tensor<?x5x4xf32>
  %2 = nn.add %0, %1 : tensor<?x5x4xf32>
  func.return %2 : tensor<?x5x4xf32>
}

// One transpose for another: nothing is won.
// CHECK-LABEL: @no_gain
// CHECK-NEXT:    [[T:%.*]] = nn.transpose %x
// CHECK-NEXT:    nn.relu [[T]]
// CHECK-NEXT:    func.return
func.func @no_gain(%x: tensor<?x4x5xf32>) -> tensor<?x5x4xf32> {
  %0 = nn.transpose %x permutation = [0, 2, 1] : (tensor<?x4x5xf32>) -> tensor<?x5x4xf32>
  %1 = nn.relu %0 : tensor<?x5x4xf32>
  func.return %1 : tensor<?x5x4xf32>
}

// Axes are renamed.
// CHECK-LABEL: @axes
// CHECK-NEXT:    [[P:%.*]] = nn.pad %x before = [0, 1, 2, 0] after = [0, 3, 4, 0]
// CHECK-NEXT:    [[C:%.*]] = nn.concat [[P]], %y axis = 3
// CHECK-NEXT:    [[S:%.*]] = nn.softmax [[C]] axis = 2
// CHECK-NEXT:    [[M:%.*]] = nn.mean [[S]] axes = [1, 2] keep_dims = false : (tensor<?x8x11x5xf32>) -> tensor<?x5xf32>
// CHECK-NEXT:    func.return [[M]]
func.func @axes(%x: tensor<?x4x5x3xf32>, %y: tensor<?x8x11x2xf32>) -> tensor<?x5xf32> {
  %0 = nn.transpose %x permutation = [0, 3, 1, 2] : (tensor<?x4x5x3xf32>) -> tensor<?x3x4x5xf32>
  %1 = nn.pad %0 before = [0, 0, 1, 2] after = [0, 0, 3, 4] value = 0.0 : f32 : (tensor<?x3x4x5xf32>) -> tensor<?x3x8x11xf32>
  %2 = nn.transpose %y permutation = [0, 3, 1, 2] : (tensor<?x8x11x2xf32>) -> tensor<?x2x8x11xf32>
  %3 = nn.concat %1, %2 axis = 1 : (tensor<?x3x8x11xf32>, tensor<?x2x8x11xf32>) -> tensor<?x5x8x11xf32>
  %4 = nn.softmax %3 axis = 3 : tensor<?x5x8x11xf32>
  %5 = nn.mean %4 axes = [2, 3] keep_dims = false : (tensor<?x5x8x11xf32>) -> tensor<?x5xf32>
  func.return %5 : tensor<?x5xf32>
}

// TensorFlow's Softmax knows the last axis only.
// CHECK-LABEL: @softmax
// CHECK-NEXT:    nn.softmax %x axis = 1 : tensor<?x7x4xf32>
// CHECK-NEXT:    func.return
func.func @softmax(%x: tensor<?x7x4xf32>) -> tensor<?x7x4xf32> {
  %0 = nn.transpose %x permutation = [0, 2, 1] : (tensor<?x7x4xf32>) -> tensor<?x4x7xf32>
  %1 = nn.softmax %0 axis = 2 : tensor<?x4x7xf32>
  %2 = nn.transpose %1 permutation = [0, 2, 1] : (tensor<?x4x7xf32>) -> tensor<?x7x4xf32>
  func.return %2 : tensor<?x7x4xf32>
}

// Attention scores, as tf_keras asks for them: (k · qᵀ)ᵀ.
// CHECK-LABEL: @attention
// CHECK-DAG:     [[K:%.*]] = nn.transpose %k permutation = [0, 2, 1, 3]
// CHECK-DAG:     [[Q:%.*]] = nn.transpose %q permutation = [0, 2, 1, 3]
// CHECK:         nn.batch_matmul transpose_rhs [[Q]], [[K]]
// CHECK-NEXT:    func.return
func.func @attention(%q: tensor<?x7x2x3xf32>, %k: tensor<?x7x2x3xf32>) -> tensor<?x2x7x7xf32> {
  %0 = nn.transpose %k permutation = [0, 2, 1, 3] : (tensor<?x7x2x3xf32>) -> tensor<?x2x7x3xf32>
  %1 = nn.transpose %q permutation = [0, 2, 3, 1] : (tensor<?x7x2x3xf32>) -> tensor<?x2x3x7xf32>
  %2 = nn.batch_matmul %0, %1 : (tensor<?x2x7x3xf32>, tensor<?x2x3x7xf32>) -> tensor<?x2x7x7xf32>
  %3 = nn.transpose %2 permutation = [0, 1, 3, 2] : (tensor<?x2x7x7xf32>) -> tensor<?x2x7x7xf32>
  func.return %3 : tensor<?x2x7x7xf32>
}

// CHECK-LABEL: @matrix
// CHECK-NEXT:    nn.matmul transpose_rhs %x, %w bias %b
func.func @matrix(%x: tensor<?x4xf32>, %w: tensor<5x4xf32>, %b: tensor<5xf32>) -> tensor<?x5xf32> {
  %0 = nn.transpose %w permutation = [1, 0] : (tensor<5x4xf32>) -> tensor<4x5xf32>
  %1 = nn.matmul %x, %0 bias %b : tensor<5xf32> : tensor<?x4xf32>, tensor<4x5xf32> -> tensor<?x5xf32>
  func.return %1 : tensor<?x5xf32>
}
