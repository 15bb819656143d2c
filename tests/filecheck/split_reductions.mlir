// RUN: tfrc opt %s -p split-reductions | filecheck %s

// CHECK-LABEL: @apart
// CHECK:       [[A:%.*]] = nn.mean %x axes = [4] keep_dims = false {{.*}} -> tensor<?x2x3x4xf32>
// CHECK:       [[B:%.*]] = nn.mean [[A]] axes = [1, 2] keep_dims = false {{.*}} -> tensor<?x4xf32>
// CHECK:       func.return [[B]]
func.func @apart(%x: tensor<?x2x3x4x5xf32>) -> tensor<?x4xf32> {
  %0 = nn.mean %x axes = [1, 2, 4] keep_dims = false : (tensor<?x2x3x4x5xf32>) -> tensor<?x4xf32>
  func.return %0 : tensor<?x4xf32>
}

// CHECK-LABEL: @kept
// CHECK:       [[A:%.*]] = nn.max %x axes = [2] keep_dims = true {{.*}} -> tensor<2x3x1xf32>
// CHECK:       [[B:%.*]] = nn.max [[A]] axes = [0] keep_dims = true {{.*}} -> tensor<1x3x1xf32>
// CHECK:       func.return [[B]]
func.func @kept(%x: tensor<2x3x4xf32>) -> tensor<1x3x1xf32> {
  %0 = nn.max %x axes = [0, 2] keep_dims = true : (tensor<2x3x4xf32>) -> tensor<1x3x1xf32>
  func.return %0 : tensor<1x3x1xf32>
}

// Neighbours, and axes with one element between them, stay one reduction.
// CHECK-LABEL: @together
// CHECK-COUNT-2: nn.sum
// CHECK-NOT:     nn.sum
func.func @together(%x: tensor<?x2x1x3xf32>) -> (tensor<?xf32>, tensor<?x1xf32>) {
  %0 = nn.sum %x axes = [1, 2, 3] keep_dims = false : (tensor<?x2x1x3xf32>) -> tensor<?xf32>
  %1 = nn.sum %x axes = [1, 3] keep_dims = false : (tensor<?x2x1x3xf32>) -> tensor<?x1xf32>
  func.return %0, %1 : tensor<?xf32>, tensor<?x1xf32>
}
