// RUN: tfrc opt %s -p canonicalize | filecheck %s

// CHECK-LABEL: @identities
// CHECK-NEXT:    func.return %x
func.func @identities(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<4xf32>
  %0 = nn.add %zero, %x : tensor<f32>, tensor<?x4xf32>
  %1 = nn.mul %0, %one : tensor<?x4xf32>, tensor<4xf32>
  %2 = nn.neg %1 : tensor<?x4xf32>
  %3 = nn.neg %2 : tensor<?x4xf32>
  %4 = nn.cast %3 : tensor<?x4xf32> to tensor<?x4xf64>
  %5 = nn.cast %4 : tensor<?x4xf64> to tensor<?x4xf32>
  func.return %5 : tensor<?x4xf32>
}

// The zero gives the result its shape.
// CHECK-LABEL: @broadcasting_zero
// CHECK:       nn.add
func.func @broadcasting_zero(%x: tensor<4xf32>) -> tensor<2x4xf32> {
  %zero = nn.constant dense<0.0> : tensor<2x4xf32>
  %0 = nn.add %x, %zero : tensor<4xf32>, tensor<2x4xf32>
  func.return %0 : tensor<2x4xf32>
}

// 1/8 is a float, 1/6 is not.
// CHECK-LABEL: @division
// CHECK:       [[C:%.*]] = nn.constant dense<1.250000e-01> : tensor<f32>
// CHECK-NEXT:  nn.mul %x, [[C]]
// CHECK-NEXT:  nn.div
func.func @division(%x: tensor<4xf32>) -> tensor<4xf32> {
  %eight = nn.constant dense<8.0> : tensor<f32>
  %six = nn.constant dense<6.0> : tensor<f32>
  %0 = nn.div %x, %eight : tensor<4xf32>, tensor<f32>
  %1 = nn.div %0, %six : tensor<4xf32>, tensor<f32>
  func.return %1 : tensor<4xf32>
}

// CHECK-LABEL: @comparison
// CHECK:       nn.greater %x, %{{.*}}
func.func @comparison(%x: tensor<4xf32>) -> tensor<4xi1> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %0 = nn.less %one, %x : tensor<f32>, tensor<4xf32>
  func.return %0 : tensor<4xi1>
}

// CHECK-LABEL: @power
// CHECK:       [[S:%.*]] = nn.mul %x, %x
// CHECK-NEXT:  nn.mul [[S]], %x
func.func @power(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = nn.constant dense<3.0> : tensor<f32>
  %0 = nn.pow %x, %three : tensor<4xf32>, tensor<f32>
  func.return %0 : tensor<4xf32>
}

// CHECK-LABEL: @movement
// CHECK-NEXT:    nn.reshape %x : (tensor<?x6x4xf32>) -> tensor<?x24xf32>
// CHECK-NEXT:    func.return
func.func @movement(%x: tensor<?x6x4xf32>) -> tensor<?x24xf32> {
  %0 = nn.transpose %x permutation = [0, 2, 1] : (tensor<?x6x4xf32>) -> tensor<?x4x6xf32>
  %1 = nn.transpose %0 permutation = [0, 2, 1] : (tensor<?x4x6xf32>) -> tensor<?x6x4xf32>
  %2 = nn.concat %1 axis = 1 : (tensor<?x6x4xf32>) -> tensor<?x6x4xf32>
  %3 = nn.reshape %2 : (tensor<?x6x4xf32>) -> tensor<?x3x8xf32>
  %4 = nn.reshape %3 : (tensor<?x3x8xf32>) -> tensor<?x24xf32>
  func.return %4 : tensor<?x24xf32>
}

// CHECK-LABEL: @transpose_of_ones
// CHECK-NEXT:    nn.reshape %x : (tensor<?x1x4xf32>) -> tensor<?x4x1xf32>
func.func @transpose_of_ones(%x: tensor<?x1x4xf32>) -> tensor<?x4x1xf32> {
  %0 = nn.transpose %x permutation = [0, 2, 1] : (tensor<?x1x4xf32>) -> tensor<?x4x1xf32>
  func.return %0 : tensor<?x4x1xf32>
}

// CHECK-LABEL: @slices
// CHECK-NEXT:    nn.slice %x begin = <0, 5> strides = [1, 4]
// CHECK-NEXT:    func.return
func.func @slices(%x: tensor<?x16xf32>) -> tensor<?x2xf32> {
  %0 = nn.slice %x begin = <0, 1> strides = [1, 2] : (tensor<?x16xf32>) -> tensor<?x7xf32>
  %1 = nn.slice %0 begin = <0, 2> strides = [1, 2] : (tensor<?x7xf32>) -> tensor<?x2xf32>
  func.return %1 : tensor<?x2xf32>
}

// CHECK-LABEL: @slice_of_concat
// CHECK-NEXT:    func.return %y
func.func @slice_of_concat(%x: tensor<?x3xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = nn.concat %x, %y axis = 1 : (tensor<?x3xf32>, tensor<?x4xf32>) -> tensor<?x7xf32>
  %1 = nn.slice %0 begin = <0, 3> strides = [1, 1] : (tensor<?x7xf32>) -> tensor<?x4xf32>
  func.return %1 : tensor<?x4xf32>
}

// CHECK-LABEL: @implicit_broadcast
// CHECK-NEXT:    nn.add %x, %b : tensor<?x2x4xf32>, tensor<4xf32>
func.func @implicit_broadcast(%x: tensor<?x2x4xf32>, %b: tensor<4xf32>) -> tensor<?x2x4xf32> {
  %0 = nn.reshape %b : (tensor<4xf32>) -> tensor<1x1x4xf32>
  %1 = nn.broadcast_to %0 : (tensor<1x1x4xf32>) -> tensor<1x2x4xf32>
  %2 = nn.add %x, %1 : tensor<?x2x4xf32>, tensor<1x2x4xf32>
  func.return %2 : tensor<?x2x4xf32>
}

// CHECK-LABEL: @pad_convolution
// CHECK-NEXT:    nn.conv2d %x, %w strides = [2, 2] pads = [0, 1, 1, 2]
func.func @pad_convolution(%x: tensor<?x4x4x2xf32>, %w: tensor<3x3x2x5xf32>) -> tensor<?x2x3x5xf32> {
  %0 = nn.pad %x before = [0, 0, 1, 0] after = [0, 1, 2, 0] value = 0.0 : f32 : (tensor<?x4x4x2xf32>) -> tensor<?x5x7x2xf32>
  %1 = nn.conv2d %0, %w strides = [2, 2] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x5x7x2xf32>, tensor<3x3x2x5xf32> -> tensor<?x2x3x5xf32>
  func.return %1 : tensor<?x2x3x5xf32>
}

// A filter of several pixels sees what a slice leaves out.
// CHECK-LABEL: @slice_stays_before_convolution
// CHECK-NEXT:    [[S:%.*]] = nn.slice %x
// CHECK-NEXT:    nn.conv2d [[S]], %w
func.func @slice_stays_before_convolution(%x: tensor<?x4x8x2xf32>, %w: tensor<1x3x2x5xf32>) -> tensor<?x4x1x5xf32> {
  %0 = nn.slice %x begin = <0, 0, 1, 0> strides = [1, 1, 2, 1] : (tensor<?x4x8x2xf32>) -> tensor<?x4x3x2xf32>
  %1 = nn.conv2d %0, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x4x3x2xf32>, tensor<1x3x2x5xf32> -> tensor<?x4x1x5xf32>
  func.return %1 : tensor<?x4x1x5xf32>
}

// Zeros are elements like others, also for pools that share them; -∞ is none.
// CHECK-LABEL: @pad_pool
// CHECK-NEXT:  nn.max_pool %x window = [3, 3] strides = [2, 2] pads = [1, 1, 1, 1] pad_zeros :
// CHECK-NEXT:  nn.avg_pool %x window = [3, 3] strides = [2, 2] pads = [1, 1, 1, 1] pad_zeros :
// CHECK-NEXT:  nn.max_pool %x window = [3, 3] strides = [2, 2] pads = [1, 1, 1, 1] :
func.func @pad_pool(%x: tensor<?x4x4x2xf32>) -> (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) {
  %0 = nn.pad %x before = [0, 1, 1, 0] after = [0, 1, 1, 0] value = 0.0 : f32 : (tensor<?x4x4x2xf32>) -> tensor<?x6x6x2xf32>
  %1 = nn.max_pool %0 window = [3, 3] strides = [2, 2] pads = [0, 0, 0, 0] : (tensor<?x6x6x2xf32>) -> tensor<?x2x2x2xf32>
  %2 = nn.avg_pool %0 window = [3, 3] strides = [2, 2] pads = [0, 0, 0, 0] : (tensor<?x6x6x2xf32>) -> tensor<?x2x2x2xf32>
  %3 = nn.pad %x before = [0, 1, 1, 0] after = [0, 1, 1, 0] value = 0xFF800000 : f32 : (tensor<?x4x4x2xf32>) -> tensor<?x6x6x2xf32>
  %4 = nn.max_pool %3 window = [3, 3] strides = [2, 2] pads = [0, 0, 0, 0] : (tensor<?x6x6x2xf32>) -> tensor<?x2x2x2xf32>
  func.return %1, %2, %4 : tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>
}

// Zeros around a pool that leaves out what is outside of them, ones around, and -∞ alone in a window.
// CHECK-LABEL: @pad_stays_before_pool
// CHECK-COUNT-3: nn.pad %x
func.func @pad_stays_before_pool(%x: tensor<?x4x4x2xf32>) -> (tensor<?x3x3x2xf32>, tensor<?x2x2x2xf32>, tensor<?x3x3x2xf32>) {
  %0 = nn.pad %x before = [0, 1, 1, 0] after = [0, 1, 1, 0] value = 0.0 : f32 : (tensor<?x4x4x2xf32>) -> tensor<?x6x6x2xf32>
  %1 = nn.max_pool %0 window = [3, 3] strides = [2, 2] pads = [1, 1, 0, 0] : (tensor<?x6x6x2xf32>) -> tensor<?x3x3x2xf32>
  %2 = nn.pad %x before = [0, 1, 1, 0] after = [0, 1, 1, 0] value = 1.0 : f32 : (tensor<?x4x4x2xf32>) -> tensor<?x6x6x2xf32>
  %3 = nn.avg_pool %2 window = [3, 3] strides = [2, 2] pads = [0, 0, 0, 0] : (tensor<?x6x6x2xf32>) -> tensor<?x2x2x2xf32>
  %4 = nn.pad %x before = [0, 2, 2, 0] after = [0, 0, 0, 0] value = 0xFF800000 : f32 : (tensor<?x4x4x2xf32>) -> tensor<?x6x6x2xf32>
  %5 = nn.max_pool %4 window = [2, 2] strides = [2, 2] pads = [0, 0, 0, 0] : (tensor<?x6x6x2xf32>) -> tensor<?x3x3x2xf32>
  func.return %1, %3, %5 : tensor<?x3x3x2xf32>, tensor<?x2x2x2xf32>, tensor<?x3x3x2xf32>
}

// CHECK-LABEL: @tensordot
// CHECK-NEXT:    nn.matmul %x, %w : tensor<?x7x4xf32>, tensor<4x5xf32> -> tensor<?x7x5xf32>
// CHECK-NEXT:    func.return
func.func @tensordot(%x: tensor<?x7x4xf32>, %w: tensor<4x5xf32>) -> tensor<?x7x5xf32> {
  %0 = nn.reshape %x : (tensor<?x7x4xf32>) -> tensor<?x4xf32, #nn.dims<7*N, 4>>
  %1 = nn.matmul %0, %w : tensor<?x4xf32, #nn.dims<7*N, 4>>, tensor<4x5xf32> -> tensor<?x5xf32, #nn.dims<7*N, 5>>
  %2 = nn.reshape %1 : (tensor<?x5xf32, #nn.dims<7*N, 5>>) -> tensor<?x7x5xf32>
  func.return %2 : tensor<?x7x5xf32>
}

// The heads of an attention: the bias of the product is [2, 3] behind the reshape.
// CHECK-LABEL: @bias_of_heads
// CHECK-NEXT:    [[Y:%.*]] = nn.matmul %x, %w
// CHECK-NEXT:    [[B:%.*]] = nn.reshape %b : (tensor<2x3xf32>) -> tensor<6xf32>
// CHECK-NEXT:    [[Z:%.*]] = nn.add [[Y]], [[B]]
// CHECK-NEXT:    nn.reshape [[Z]] : (tensor<?x7x6xf32>) -> tensor<?x7x2x3xf32>
func.func @bias_of_heads(%x: tensor<?x7x4xf32>, %w: tensor<4x6xf32>, %b: tensor<2x3xf32>) -> tensor<?x7x2x3xf32> {
  %0 = nn.matmul %x, %w : tensor<?x7x4xf32>, tensor<4x6xf32> -> tensor<?x7x6xf32>
  %1 = nn.reshape %0 : (tensor<?x7x6xf32>) -> tensor<?x7x2x3xf32>
  %2 = nn.add %1, %b : tensor<?x7x2x3xf32>, tensor<2x3xf32>
  func.return %2 : tensor<?x7x2x3xf32>
}

// CHECK-LABEL: @layer_norm_affine
// CHECK:       [[S:%.*]] = nn.mul %s, %g
// CHECK-NEXT:  [[T:%.*]] = nn.mul %o, %g
// CHECK-NEXT:  [[O:%.*]] = nn.add [[T]], %b
// CHECK-NEXT:  nn.layer_norm %x, [[S]], [[O]]
// CHECK-NEXT:  func.return
func.func @layer_norm_affine(%x: tensor<?x4xf32>, %s: tensor<4xf32>, %o: tensor<4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<?x4xf32> {
  %0 = nn.layer_norm %x, %s, %o epsilon = 0.001 : (tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %1 = nn.mul %0, %g : tensor<?x4xf32>, tensor<4xf32>
  %2 = nn.add %1, %b : tensor<?x4xf32>, tensor<4xf32>
  func.return %2 : tensor<?x4xf32>
}

// CHECK-LABEL: @grouped_by_channel
// CHECK-NEXT:    [[W:%.*]] = nn.reshape %w : (tensor<3x3x1x4xf32>) -> tensor<3x3x2x2xf32>
// CHECK-NEXT:    nn.depthwise_conv2d %x, [[W]] strides = [1, 1] pads = [1, 1, 1, 1]
func.func @grouped_by_channel(%x: tensor<?x4x4x2xf32>, %w: tensor<3x3x1x4xf32>) -> tensor<?x4x4x4xf32> {
  %0 = nn.conv2d %x, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 2 : tensor<?x4x4x2xf32>, tensor<3x3x1x4xf32> -> tensor<?x4x4x4xf32>
  func.return %0 : tensor<?x4x4x4xf32>
}

// CHECK-LABEL: @pool_before_pointwise
// CHECK-NEXT:    [[P:%.*]] = nn.avg_pool %x window = [3, 3] strides = [2, 2] pads = [1, 1, 1, 1] : (tensor<?x4x4x2xf32>) -> tensor<?x2x2x2xf32>
// CHECK-NEXT:    nn.conv2d [[P]], %w bias %b
// CHECK-NEXT:    func.return
func.func @pool_before_pointwise(%x: tensor<?x4x4x2xf32>, %w: tensor<1x1x2x5xf32>, %b: tensor<5xf32>) -> tensor<?x2x2x5xf32> {
  %0 = nn.conv2d %x, %w bias %b : tensor<5xf32> strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x4x4x2xf32>, tensor<1x1x2x5xf32> -> tensor<?x4x4x5xf32>
  %1 = nn.avg_pool %0 window = [3, 3] strides = [2, 2] pads = [1, 1, 1, 1] : (tensor<?x4x4x5xf32>) -> tensor<?x2x2x5xf32>
  func.return %1 : tensor<?x2x2x5xf32>
}

// A slice takes nothing of the padding, and a filter of one pixel passes over what it leaves out.
// CHECK-LABEL: @slice_of_pad
// CHECK-NEXT:    nn.conv2d %x, %w strides = [2, 4] pads
// CHECK-NEXT:    func.return
func.func @slice_of_pad(%x: tensor<?x4x8x2xf32>, %w: tensor<1x1x2x5xf32>) -> tensor<?x2x2x5xf32> {
  %0 = nn.pad %x before = [0, 1, 0, 0] after = [0, 0, 1, 0] value = 0.0 : f32 : (tensor<?x4x8x2xf32>) -> tensor<?x5x9x2xf32>
  %1 = nn.slice %0 begin = <0, 1, 0, 0> strides = [1, 1, 2, 1] : (tensor<?x5x9x2xf32>) -> tensor<?x4x4x2xf32>
  %2 = nn.conv2d %1, %w strides = [2, 2] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x4x4x2xf32>, tensor<1x1x2x5xf32> -> tensor<?x2x2x5xf32>
  func.return %2 : tensor<?x2x2x5xf32>
}

// This one takes some of it, begins behind the first pixel, and ends before the last.
// CHECK-LABEL: @slice_with_padding
// CHECK-NEXT:    nn.conv2d %x, %w strides = [2, 1] pads = [-2, 0, 1, 0]
// CHECK-NEXT:    nn.conv2d %x, %w strides = [1, 1] pads = [0, 0, 0, -5]
// CHECK-NEXT:    func.return
func.func @slice_with_padding(%x: tensor<?x4x8x2xf32>, %w: tensor<1x1x2x5xf32>) -> (tensor<?x2x8x5xf32>, tensor<?x4x3x5xf32>) {
  %0 = nn.pad %x before = [0, 0, 0, 0] after = [0, 1, 0, 0] value = 0.0 : f32 : (tensor<?x4x8x2xf32>) -> tensor<?x5x8x2xf32>
  %1 = nn.slice %0 begin = <0, 2, 0, 0> strides = [1, 2, 1, 1] : (tensor<?x5x8x2xf32>) -> tensor<?x2x8x2xf32>
  %2 = nn.conv2d %1, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x2x8x2xf32>, tensor<1x1x2x5xf32> -> tensor<?x2x8x5xf32>
  %3 = nn.slice %x begin = <0, 0, 0, 0> strides = [1, 1, 1, 1] : (tensor<?x4x8x2xf32>) -> tensor<?x4x3x2xf32>
  %4 = nn.conv2d %3, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x4x3x2xf32>, tensor<1x1x2x5xf32> -> tensor<?x4x3x5xf32>
  func.return %2, %4 : tensor<?x2x8x5xf32>, tensor<?x4x3x5xf32>
}
