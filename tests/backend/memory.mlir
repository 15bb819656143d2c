func.func @residuals(%x: tensor<?x6x6x8xf32>) -> (tensor<?x6x6x8xf32>, tensor<?x288xf32>) {
  %f1 = nn.weight @f1 : tensor<1x1x8x8xf32>
  %f3 = nn.weight @f3 : tensor<3x3x8x8xf32>
  %m = nn.weight @m : tensor<288x288xf32>
  %b = nn.weight @b : tensor<8xf32>
  %0 = nn.conv2d %x, %f1 bias %b : tensor<8xf32> activation<relu> strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x6x6x8xf32>, tensor<1x1x8x8xf32> -> tensor<?x6x6x8xf32>
  %1 = nn.conv2d %0, %f3 bias %b : tensor<8xf32> strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x6x6x8xf32>, tensor<3x3x8x8xf32> -> tensor<?x6x6x8xf32>
  %2 = nn.conv2d %1, %f1 residual %0 : tensor<?x6x6x8xf32> activation<relu6> strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x6x6x8xf32>, tensor<1x1x8x8xf32> -> tensor<?x6x6x8xf32>
  %3 = nn.conv2d %2, %f3 residual %2 : tensor<?x6x6x8xf32> strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x6x6x8xf32>, tensor<3x3x8x8xf32> -> tensor<?x6x6x8xf32>
  %4 = nn.reshape %3 : (tensor<?x6x6x8xf32>) -> tensor<?x288xf32>
  %5 = nn.softmax %4 axis = 1 : tensor<?x288xf32>
  %6 = nn.matmul %5, %m residual %4 : tensor<?x288xf32> activation<tanh> : tensor<?x288xf32>, tensor<288x288xf32> -> tensor<?x288xf32>
  func.return %3, %6 : tensor<?x6x6x8xf32>, tensor<?x288xf32>
}
func.func @dense_block(%x: tensor<?x6x6x8xf32>) -> tensor<?x32xf32> {
  %s = nn.weight @s : tensor<8xf32>
  %t = nn.weight @t : tensor<16xf32>
  %u = nn.weight @u : tensor<24xf32>
  %f1 = nn.weight @f1 : tensor<1x1x8x8xf32>
  %f2 = nn.weight @f2 : tensor<3x3x16x8xf32>
  %f4 = nn.weight @f4 : tensor<1x1x24x8xf32>
  %0 = nn.max_pool %x window = [3, 3] strides = [2, 2] pads = [1, 1, 1, 1] : (tensor<?x6x6x8xf32>) -> tensor<?x3x3x8xf32>
  %1 = nn.mul %0, %s : tensor<?x3x3x8xf32>, tensor<8xf32>
  %2 = nn.conv2d %1, %f1 strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x3x3x8xf32>, tensor<1x1x8x8xf32> -> tensor<?x3x3x8xf32>
  %3 = nn.concat %0, %2 axis = 3 : (tensor<?x3x3x8xf32>, tensor<?x3x3x8xf32>) -> tensor<?x3x3x16xf32>
  %4 = nn.mul %3, %t : tensor<?x3x3x16xf32>, tensor<16xf32>
  %5 = nn.conv2d %4, %f2 activation<hard_swish> strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x3x3x16xf32>, tensor<3x3x16x8xf32> -> tensor<?x3x3x8xf32>
  %6 = nn.concat %3, %5 axis = 3 : (tensor<?x3x3x16xf32>, tensor<?x3x3x8xf32>) -> tensor<?x3x3x24xf32>
  %7 = nn.mul %6, %u : tensor<?x3x3x24xf32>, tensor<24xf32>
  %8 = nn.conv2d %7, %f4 activation<gelu> strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x3x3x24xf32>, tensor<1x1x24x8xf32> -> tensor<?x3x3x8xf32>
  %9 = nn.concat %6, %8 axis = 3 : (tensor<?x3x3x24xf32>, tensor<?x3x3x8xf32>) -> tensor<?x3x3x32xf32>
  %10 = nn.mean %9 axes = [1, 2] keep_dims = false : (tensor<?x3x3x32xf32>) -> tensor<?x32xf32>
  func.return %10 : tensor<?x32xf32>
}
func.func @branches(%x: tensor<?x4x4x8xf32>) -> tensor<?x4x4x40xf32> {
  %f1 = nn.weight @f1 : tensor<1x1x8x8xf32>
  %f3 = nn.weight @f3 : tensor<3x3x8x8xf32>
  %m = nn.weight @m8 : tensor<8x8xf32>
  %0 = nn.conv2d %x, %f1 strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x4x4x8xf32>, tensor<1x1x8x8xf32> -> tensor<?x4x4x8xf32>
  %1 = nn.conv2d %x, %f3 strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x4x4x8xf32>, tensor<3x3x8x8xf32> -> tensor<?x4x4x8xf32>
  %2 = nn.conv2d %0, %f3 residual %1 : tensor<?x4x4x8xf32> activation<relu> strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x4x4x8xf32>, tensor<3x3x8x8xf32> -> tensor<?x4x4x8xf32>
  %3 = nn.avg_pool %x window = [3, 3] strides = [1, 1] pads = [1, 1, 1, 1] : (tensor<?x4x4x8xf32>) -> tensor<?x4x4x8xf32>
  %4 = nn.matmul %3, %m activation<sigmoid> : tensor<?x4x4x8xf32>, tensor<8x8xf32> -> tensor<?x4x4x8xf32>
  %5 = nn.add %4, %3 : tensor<?x4x4x8xf32>
  %6 = nn.concat %2, %x, %4, %5, %3 axis = 3 : (tensor<?x4x4x8xf32>, tensor<?x4x4x8xf32>, tensor<?x4x4x8xf32>, tensor<?x4x4x8xf32>, tensor<?x4x4x8xf32>) -> tensor<?x4x4x40xf32>
  func.return %6 : tensor<?x4x4x40xf32>
}
func.func @parts(%x: tensor<?x8x4xf32>, %y: tensor<4x6xf32>) -> (tensor<?x10x3xf32>, tensor<2x12xf32>) {
  %0 = nn.softmax %x axis = 2 : tensor<?x8x4xf32>
  %1 = nn.slice %0 begin = <0, 2, 1> strides = [1, 1, 1] : (tensor<?x8x4xf32>) -> tensor<?x5x3xf32>
  %2 = nn.pad %1 before = [0, 3, 0] after = [0, 2, 0] value = 5.000000e-01 : f32 : (tensor<?x5x3xf32>) -> tensor<?x10x3xf32>
  %3 = nn.softmax %y axis = 1 : tensor<4x6xf32>
  %4 = nn.slice %3 begin = <2, 0> strides = [1, 1] : (tensor<4x6xf32>) -> tensor<2x6xf32>
  %5 = nn.slice %3 begin = <0, 0> strides = [1, 1] : (tensor<4x6xf32>) -> tensor<2x6xf32>
  %6 = nn.exp %4 : tensor<2x6xf32>
  %7 = nn.concat %6, %5 axis = 1 : (tensor<2x6xf32>, tensor<2x6xf32>) -> tensor<2x12xf32>
  func.return %2, %7 : tensor<?x10x3xf32>, tensor<2x12xf32>
}
func.func @pools(%x: tensor<?x9x9x8xf32>) -> tensor<?x4x4x24xf32> {
  %f = nn.weight @f1 : tensor<1x1x8x8xf32>
  %0 = nn.conv2d %x, %f strides = [2, 2] pads = [-1, -1, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x9x9x8xf32>, tensor<1x1x8x8xf32> -> tensor<?x4x4x8xf32>
  %1 = nn.avg_pool %0 window = [3, 3] strides = [1, 1] pads = [1, 1, 1, 1] : (tensor<?x4x4x8xf32>) -> tensor<?x4x4x8xf32>
  %2 = nn.sub %1, %0 : tensor<?x4x4x8xf32>
  %3 = nn.max_pool %x window = [3, 3] strides = [2, 2] pads = [0, 0, 0, 0] : (tensor<?x9x9x8xf32>) -> tensor<?x4x4x8xf32>
  %4 = nn.concat %0, %2, %3 axis = 3 : (tensor<?x4x4x8xf32>, tensor<?x4x4x8xf32>, tensor<?x4x4x8xf32>) -> tensor<?x4x4x24xf32>
  func.return %4 : tensor<?x4x4x24xf32>
}
