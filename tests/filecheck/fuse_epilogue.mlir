// RUN: tfrc opt %s -p fuse-epilogue | filecheck %s

// CHECK-LABEL: @bias_residual_activation
// CHECK-NEXT:    [[B:%.*]] = nn.reshape %b
// CHECK-NEXT:    nn.matmul %x, %w bias [[B]] : tensor<2xf32> residual %r : tensor<?x2xf32> activation<relu>
// CHECK-NEXT:    func.return
func.func @bias_residual_activation(%x: tensor<?x4xf32>, %w: tensor<4x2xf32>, %b: tensor<1x2xf32>, %r: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %1 = nn.add %0, %b : tensor<?x2xf32>, tensor<1x2xf32>
  %2 = nn.add %r, %1 : tensor<?x2xf32>
  %3 = nn.relu %2 : tensor<?x2xf32>
  func.return %3 : tensor<?x2xf32>
}

// The later product takes the earlier one.
// CHECK-LABEL: @two_products
// CHECK-NEXT:    [[A:%.*]] = nn.matmul %x, %w :
// CHECK-NEXT:    nn.matmul %y, %w residual [[A]]
// CHECK-NEXT:    func.return
func.func @two_products(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>, %w: tensor<4x2xf32>) -> tensor<?x2xf32> {
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %1 = nn.matmul %y, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %2 = nn.add %1, %0 : tensor<?x2xf32>
  func.return %2 : tensor<?x2xf32>
}

// The product moves behind its residual.
// CHECK-LABEL: @late_residual
// CHECK-NEXT:    [[R:%.*]] = nn.softmax %y
// CHECK-NEXT:    nn.matmul %x, %w residual [[R]]
// CHECK-NEXT:    func.return
func.func @late_residual(%x: tensor<?x4xf32>, %y: tensor<?x2xf32>, %w: tensor<4x2xf32>) -> tensor<?x2xf32> {
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %1 = nn.softmax %y axis = 1 : tensor<?x2xf32>
  %2 = nn.add %0, %1 : tensor<?x2xf32>
  func.return %2 : tensor<?x2xf32>
}

// An activation ends the epilogue; a sum that broadcasts is no residual; nor has a depthwise one.
// CHECK-LABEL: @illegal
// CHECK:       nn.matmul %x, %w activation<relu>
// CHECK-NEXT:  nn.add
// CHECK-NEXT:  nn.matmul %x, %w :
// CHECK-NEXT:  nn.add
// CHECK-NEXT:  nn.depthwise_conv2d %i, %d strides
// CHECK-NEXT:  nn.add
func.func @illegal(%x: tensor<1x4xf32>, %w: tensor<4x2xf32>, %r: tensor<3x2xf32>, %i: tensor<1x4x4x1xf32>, %d: tensor<1x1x1x1xf32>) -> (tensor<1x2xf32>, tensor<3x2xf32>, tensor<1x4x4x1xf32>) {
  %s = nn.slice %r begin = <0, 0> strides = [1, 1] : (tensor<3x2xf32>) -> tensor<1x2xf32>
  %0 = nn.matmul %x, %w activation<relu> : tensor<1x4xf32>, tensor<4x2xf32> -> tensor<1x2xf32>
  %1 = nn.add %0, %s : tensor<1x2xf32>
  %2 = nn.matmul %x, %w : tensor<1x4xf32>, tensor<4x2xf32> -> tensor<1x2xf32>
  %3 = nn.add %2, %r : tensor<1x2xf32>, tensor<3x2xf32>
  %4 = nn.depthwise_conv2d %i, %d strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] : tensor<1x4x4x1xf32>, tensor<1x1x1x1xf32> -> tensor<1x4x4x1xf32>
  %5 = nn.add %4, %i : tensor<1x4x4x1xf32>
  func.return %1, %3, %5 : tensor<1x2xf32>, tensor<3x2xf32>, tensor<1x4x4x1xf32>
}
