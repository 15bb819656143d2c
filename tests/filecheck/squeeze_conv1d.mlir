// RUN: tfrc opt %s -p squeeze-conv1d | filecheck %s

// CHECK-LABEL: @row
// CHECK-NEXT:    [[V:%.*]] = nn.reshape %w : (tensor<1x3x4x5xf32>) -> tensor<3x4x5xf32>
// CHECK-NEXT:    [[Y:%.*]] = nn.conv1d %x, [[V]] strides = [2] pads = [1, 0] dilations = [1] groups = 1
// CHECK-NEXT:    func.return [[Y]]
func.func @row(%x: tensor<?x8x4xf32>, %w: tensor<1x3x4x5xf32>) -> tensor<?x4x5xf32> {
  %0 = nn.reshape %x : (tensor<?x8x4xf32>) -> tensor<?x1x8x4xf32>
  %1 = nn.conv2d %0, %w strides = [1, 2] pads = [0, 1, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x1x8x4xf32>, tensor<1x3x4x5xf32> -> tensor<?x1x4x5xf32>
  %2 = nn.reshape %1 : (tensor<?x1x4x5xf32>) -> tensor<?x4x5xf32>
  func.return %2 : tensor<?x4x5xf32>
}

// Two rows are an image.
// CHECK-LABEL: @image
// CHECK:       nn.conv2d
func.func @image(%x: tensor<?x8x4xf32>, %w: tensor<1x3x4x5xf32>) -> tensor<?x2x2x5xf32> {
  %0 = nn.reshape %x : (tensor<?x8x4xf32>) -> tensor<?x2x4x4xf32>
  %1 = nn.conv2d %0, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x2x4x4xf32>, tensor<1x3x4x5xf32> -> tensor<?x2x2x5xf32>
  func.return %1 : tensor<?x2x2x5xf32>
}
