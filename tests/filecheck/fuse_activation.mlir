// RUN: tfrc opt %s -p fuse-activation | filecheck %s

// CHECK-LABEL: @one_use
// CHECK-NEXT:    [[Y:%.*]] = nn.matmul %x, %w activation<relu> : tensor<?x4xf32>
// CHECK-NEXT:    func.return [[Y]]
func.func @one_use(%x: tensor<?x4xf32>, %w: tensor<4x2xf32>) -> tensor<?x2xf32> {
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %1 = nn.relu %0 : tensor<?x2xf32>
  func.return %1 : tensor<?x2xf32>
}

// CHECK-LABEL: @parameter
// CHECK-NEXT:    nn.depthwise_conv2d %x, %w bias %b : tensor<2xf32> activation<leaky_relu, 2.000000e-01>
func.func @parameter(%x: tensor<?x4x4x2xf32>, %w: tensor<3x3x2x1xf32>, %b: tensor<2xf32>) -> tensor<?x2x2x2xf32> {
  %0 = nn.depthwise_conv2d %x, %w bias %b : tensor<2xf32> strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] : tensor<?x4x4x2xf32>, tensor<3x3x2x1xf32> -> tensor<?x2x2x2xf32>
  %1 = nn.leaky_relu %0 alpha = 0.2 : tensor<?x2x2x2xf32>
  func.return %1 : tensor<?x2x2x2xf32>
}

// The second activation stays, and so does one whose operand has another use.
// CHECK-LABEL: @not_twice
// CHECK:       nn.matmul %x, %w activation<tanh>
// CHECK-NEXT:  nn.relu
// CHECK-NEXT:  nn.matmul %x, %w :
// CHECK-NEXT:  nn.relu
func.func @not_twice(%x: tensor<?x4xf32>, %w: tensor<4x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %1 = nn.tanh %0 : tensor<?x2xf32>
  %2 = nn.relu %1 : tensor<?x2xf32>
  %3 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %4 = nn.relu %3 : tensor<?x2xf32>
  func.return %2, %3, %4 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}
