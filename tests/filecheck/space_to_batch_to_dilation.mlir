// RUN: tfrc opt %s -p space-to-batch-to-dilation | filecheck %s

// Keras pads by 2 and 2, and by one more to make the size even, which it crops.
// CHECK-LABEL: @conv2d
// CHECK:         tf.node "Conv2D"(%x, %w) {
// CHECK-SAME:      padding = "EXPLICIT"
// CHECK-SAME:      dilations = [1 : i64, 2 : i64, 2 : i64, 1 : i64]
// CHECK-SAME:      explicit_paddings = [0 : i64, 0 : i64, 2 : i64, 2 : i64, 2 : i64, 2 : i64, 0 : i64, 0 : i64]
// CHECK-SAME:      -> tensor<?x9x9x4xf32>
// CHECK-NOT:     BatchToSpaceND
func.func @conv2d(%x: tensor<?x9x9x3xf32>, %w: tensor<3x3x3x4xf32>) -> tensor<?x9x9x4xf32> {
  %block = nn.constant dense<[2, 2]> : tensor<2xi32>
  %pads = nn.constant dense<[[2, 3], [2, 3]]> : tensor<2x2xi32>
  %crops = nn.constant dense<[[0, 1], [0, 1]]> : tensor<2x2xi32>
  %0 = tf.node "SpaceToBatchND"(%x, %block, %pads) : (tensor<?x9x9x3xf32>, tensor<2xi32>, tensor<2x2xi32>) -> !tf.partial<"4*N, 7, 7, 3", f32>
  %1 = tf.node "Conv2D"(%0, %w) {padding = "VALID", strides = [1, 1, 1, 1]} : (!tf.partial<"4*N, 7, 7, 3", f32>, tensor<3x3x3x4xf32>) -> !tf.partial<"4*N, 5, 5, 4", f32>
  %2 = tf.node "BatchToSpaceND"(%1, %block, %crops) : (!tf.partial<"4*N, 5, 5, 4", f32>, tensor<2xi32>, tensor<2x2xi32>) -> tensor<?x9x9x4xf32>
  func.return %2 : tensor<?x9x9x4xf32>
}

// CHECK-LABEL: @conv1d
// CHECK:         [[ROW:%.*]] = tf.node "ExpandDims"(%x, %axis) : {{.*}} -> tensor<?x1x10x3xf32>
// CHECK-NEXT:    [[CONV:%.*]] = tf.node "Conv2D"([[ROW]], %w) {
// CHECK-SAME:      dilations = [1 : i64, 1 : i64, 2 : i64, 1 : i64]
// CHECK-SAME:      -> tensor<?x1x6x4xf32>
// CHECK-NEXT:    [[OUT:%.*]] = tf.node "Squeeze"([[CONV]]) {squeeze_dims = [1 : i64]}
// CHECK-NEXT:    func.return [[OUT]]
func.func @conv1d(%x: tensor<?x10x3xf32>, %w: tensor<1x3x3x4xf32>) -> tensor<?x6x4xf32> {
  %block = nn.constant dense<[2]> : tensor<1xi32>
  %none = nn.constant dense<[[0, 0]]> : tensor<1x2xi32>
  %axis = nn.constant dense<1> : tensor<i32>
  %0 = tf.node "SpaceToBatchND"(%x, %block, %none) : (tensor<?x10x3xf32>, tensor<1xi32>, tensor<1x2xi32>) -> !tf.partial<"2*N, 5, 3", f32>
  %1 = tf.node "ExpandDims"(%0, %axis) : (!tf.partial<"2*N, 5, 3", f32>, tensor<i32>) -> !tf.partial<"2*N, 1, 5, 3", f32>
  %2 = tf.node "Conv2D"(%1, %w) {padding = "VALID", strides = [1, 1, 1, 1]} : (!tf.partial<"2*N, 1, 5, 3", f32>, tensor<1x3x3x4xf32>) -> !tf.partial<"2*N, 1, 3, 4", f32>
  %3 = tf.node "Squeeze"(%2) {squeeze_dims = [1]} : (!tf.partial<"2*N, 1, 3, 4", f32>) -> !tf.partial<"2*N, 3, 4", f32>
  %4 = tf.node "BatchToSpaceND"(%3, %block, %none) : (!tf.partial<"2*N, 3, 4", f32>, tensor<1xi32>, tensor<1x2xi32>) -> tensor<?x6x4xf32>
  func.return %4 : tensor<?x6x4xf32>
}

// A stride in between is another computation.
// CHECK-LABEL: @strided
// CHECK:         SpaceToBatchND
func.func @strided(%x: tensor<?x10x10x3xf32>, %w: tensor<3x3x3x4xf32>) -> tensor<?x4x4x4xf32> {
  %block = nn.constant dense<[2, 2]> : tensor<2xi32>
  %none = nn.constant dense<[[0, 0], [0, 0]]> : tensor<2x2xi32>
  %0 = tf.node "SpaceToBatchND"(%x, %block, %none) : (tensor<?x10x10x3xf32>, tensor<2xi32>, tensor<2x2xi32>) -> !tf.partial<"4*N, 5, 5, 3", f32>
  %1 = tf.node "Conv2D"(%0, %w) {padding = "VALID", strides = [1, 2, 2, 1]} : (!tf.partial<"4*N, 5, 5, 3", f32>, tensor<3x3x3x4xf32>) -> !tf.partial<"4*N, 2, 2, 4", f32>
  %2 = tf.node "BatchToSpaceND"(%1, %block, %none) : (!tf.partial<"4*N, 2, 2, 4", f32>, tensor<2xi32>, tensor<2x2xi32>) -> tensor<?x4x4x4xf32>
  func.return %2 : tensor<?x4x4x4xf32>
}
