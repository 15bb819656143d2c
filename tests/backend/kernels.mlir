func.func @linear(%x: tensor<?x8x8x4xf32>, %t: tensor<?x8x4xf32>, %v: tensor<?x4x4x4x2xf32>) -> (tensor<?x8x8xf32>, tensor<?x4x4x4x8xf32>, tensor<?x8x8x8xf32>, tensor<?x8x8xf32>, tensor<?x8x8xf32>, tensor<?x4x4xf32>, tensor<?x8x8xf32>) {
  %f1 = nn.weight @f1 : tensor<3x4x8xf32>
  %f3 = nn.weight @f3 : tensor<3x3x3x1x8xf32>
  %fd = nn.weight @fd : tensor<3x3x4x2xf32>
  %m = nn.weight @m : tensor<4x8xf32>
  %b = nn.weight @b : tensor<8xf32>
  %0 = nn.conv1d %t, %f1 bias %b : tensor<8xf32> activation<elu, 5.000000e-01> strides = [1] pads = [2, 0] dilations = [1] groups = 1 : tensor<?x8x4xf32>, tensor<3x4x8xf32> -> tensor<?x8x8xf32>
  %1 = nn.conv3d %v, %f3 strides = [1, 1, 1] pads = [1, 1, 1, 1, 1, 1] dilations = [1, 1, 1] groups = 2 : tensor<?x4x4x4x2xf32>, tensor<3x3x3x1x8xf32> -> tensor<?x4x4x4x8xf32>
  %2 = nn.depthwise_conv2d %x, %fd bias %b : tensor<8xf32> activation<relu6> strides = [1, 1] pads = [2, 2, 2, 2] dilations = [2, 2] : tensor<?x8x8x4xf32>, tensor<3x3x4x2xf32> -> tensor<?x8x8x8xf32>
  %3 = nn.matmul %t, %m bias %b : tensor<8xf32> activation<gelu> : tensor<?x8x4xf32>, tensor<4x8xf32> -> tensor<?x8x8xf32>
  %4 = nn.batch_matmul transpose_rhs %t, %t : (tensor<?x8x4xf32>, tensor<?x8x4xf32>) -> tensor<?x8x8xf32>
  %5 = nn.batch_matmul transpose_lhs %t, %t : (tensor<?x8x4xf32>, tensor<?x8x4xf32>) -> tensor<?x4x4xf32>
  %6 = nn.batch_matmul %t, %m : (tensor<?x8x4xf32>, tensor<4x8xf32>) -> tensor<?x8x8xf32>
  func.return %0, %1, %2, %3, %4, %5, %6 : tensor<?x8x8xf32>, tensor<?x4x4x4x8xf32>, tensor<?x8x8x8xf32>, tensor<?x8x8xf32>, tensor<?x8x8xf32>, tensor<?x4x4xf32>, tensor<?x8x8xf32>
}
func.func @heads(%q: tensor<?x6x4x8xf32>, %k: tensor<?x5x4x8xf32>) -> (tensor<?x4x6x5xf32>, tensor<?x6x4x8xf32>) {
  %0 = nn.batch_matmul transpose_rhs heads_lhs heads_rhs %q, %k : (tensor<?x6x4x8xf32>, tensor<?x5x4x8xf32>) -> tensor<?x4x6x5xf32>
  %1 = nn.batch_matmul heads_rhs heads_result %0, %k : (tensor<?x4x6x5xf32>, tensor<?x5x4x8xf32>) -> tensor<?x6x4x8xf32>
  func.return %0, %1 : tensor<?x4x6x5xf32>, tensor<?x6x4x8xf32>
}
func.func @bands(%x: tensor<?x66x62x5xf32>) -> (tensor<?x66x62x5xf32>, tensor<?x5xf32>) {
  %e = nn.weight @"bands/e" : tensor<1x1x5x66xf32>
  %d = nn.weight @"bands/d" : tensor<3x3x66x1xf32>
  %p = nn.weight @"bands/p" : tensor<1x1x66x5xf32>
  %b = nn.weight @"bands/b" : tensor<66xf32>
  %0 = nn.conv2d %x, %e bias %b : tensor<66xf32> activation<relu6> strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x66x62x5xf32>, tensor<1x1x5x66xf32> -> tensor<?x66x62x66xf32>
  %1 = nn.depthwise_conv2d %0, %d activation<leaky_relu, 0.1> strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] : tensor<?x66x62x66xf32>, tensor<3x3x66x1xf32> -> tensor<?x66x62x66xf32>
  %2 = nn.conv2d %1, %p residual %x : tensor<?x66x62x5xf32> strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x66x62x66xf32>, tensor<1x1x66x5xf32> -> tensor<?x66x62x5xf32>
  %3 = nn.mean %2 axes = [1, 2] keep_dims = false : (tensor<?x66x62x5xf32>) -> tensor<?x5xf32>
  func.return %2, %3 : tensor<?x66x62x5xf32>, tensor<?x5xf32>
}
func.func @winograd(%x: tensor<?x28x27x16xf32>, %y: tensor<?x6x6x64xf32>, %s: tensor<?x200x64xf32>) -> (tensor<?x28x27x16xf32>, tensor<?x6x6x64xf32>, tensor<?x200x64xf32>, tensor<?x200x48xf32>) {
  %f = nn.weight @"winograd/f" : tensor<3x3x16x16xf32>
  %b = nn.weight @"winograd/b" : tensor<16xf32>
  %0 = nn.conv2d %x, %f bias %b : tensor<16xf32> residual %x : tensor<?x28x27x16xf32> activation<relu6> strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x28x27x16xf32>, tensor<3x3x16x16xf32> -> tensor<?x28x27x16xf32>
  %g = nn.weight @"winograd/g" : tensor<3x3x64x64xf32>
  %1 = nn.conv2d %y, %g activation<tanh> strides = [1, 1] pads = [2, 0, 0, 2] dilations = [1, 1] groups = 1 : tensor<?x6x6x64xf32>, tensor<3x3x64x64xf32> -> tensor<?x6x6x64xf32>
  %h = nn.weight @"winograd/h" : tensor<5x64x64xf32>
  %2 = nn.conv1d %s, %h residual %s : tensor<?x200x64xf32> activation<sigmoid> strides = [1] pads = [4, 0] dilations = [1] groups = 1 : tensor<?x200x64xf32>, tensor<5x64x64xf32> -> tensor<?x200x64xf32>
  %3 = nn.reshape %2 : (tensor<?x200x64xf32>) -> tensor<?x1x200x64xf32>
  %i = nn.weight @"winograd/i" : tensor<1x5x64x48xf32>
  %4 = nn.conv2d %3, %i strides = [1, 1] pads = [0, 2, 0, 2] dilations = [1, 1] groups = 1 : tensor<?x1x200x64xf32>, tensor<1x5x64x48xf32> -> tensor<?x1x200x48xf32>
  %5 = nn.reshape %4 : (tensor<?x1x200x48xf32>) -> tensor<?x200x48xf32>
  func.return %0, %1, %2, %5 : tensor<?x28x27x16xf32>, tensor<?x6x6x64xf32>, tensor<?x200x64xf32>, tensor<?x200x48xf32>
}
func.func @packing(%x: tensor<?x6xf32>, %w: tensor<6x20xf32>, %b: tensor<20xf32>, %r: tensor<?x20xf32>) -> (tensor<?x20xf32>, tensor<?x6xf32>, tensor<?x20xf32>) {
  %0 = nn.matmul %x, %w bias %b : tensor<20xf32> residual %r : tensor<?x20xf32> activation<relu> : tensor<?x6xf32>, tensor<6x20xf32> -> tensor<?x20xf32>
  %1 = nn.matmul transpose_rhs %0, %w : tensor<?x20xf32>, tensor<6x20xf32> -> tensor<?x6xf32>
  %2 = nn.matmul %1, %w : tensor<?x6xf32>, tensor<6x20xf32> -> tensor<?x20xf32>
  func.return %0, %1, %2 : tensor<?x20xf32>, tensor<?x6xf32>, tensor<?x20xf32>
}
func.func @reduction(%x: tensor<?x8x8x4xf32>, %b: tensor<?x4xi1>, %i: tensor<?x4xi32>) -> (tensor<?x4x4x4xf32>, tensor<?x4x4x4xf32>, tensor<?x4xf32>, tensor<?x1x1x4xf32>, tensor<?x8x8xf32>, tensor<?x8x8xf32>, tensor<?x8x4xf32>, tensor<?xi1>, tensor<?xi1>, tensor<?x8x8xi64>, tensor<?x8x4xi32>, tensor<?x8x8x4xf32>, tensor<?x8x8x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) {
  %c = nn.weight @c : tensor<4xf32>
  %0 = nn.max_pool %x window = [3, 3] strides = [2, 2] pads = [0, 0, 1, 1] : (tensor<?x8x8x4xf32>) -> tensor<?x4x4x4xf32>
  %1 = nn.avg_pool %x window = [3, 2] strides = [2, 2] pads = [1, 0, 0, 0] pad_zeros : (tensor<?x8x8x4xf32>) -> tensor<?x4x4x4xf32>
  %2 = nn.sum %x axes = [1, 2] keep_dims = false : (tensor<?x8x8x4xf32>) -> tensor<?x4xf32>
  %3 = nn.mean %x axes = [1, 2] keep_dims = true : (tensor<?x8x8x4xf32>) -> tensor<?x1x1x4xf32>
  %4 = nn.max %x axes = [3] keep_dims = false : (tensor<?x8x8x4xf32>) -> tensor<?x8x8xf32>
  %5 = nn.min %x axes = [3] keep_dims = false : (tensor<?x8x8x4xf32>) -> tensor<?x8x8xf32>
  %6 = nn.prod %x axes = [1] keep_dims = false : (tensor<?x8x8x4xf32>) -> tensor<?x8x4xf32>
  %7 = nn.all %b axes = [1] keep_dims = false : (tensor<?x4xi1>) -> tensor<?xi1>
  %8 = nn.any %b axes = [1] keep_dims = false : (tensor<?x4xi1>) -> tensor<?xi1>
  %9 = nn.arg_max %x axis = 3 : (tensor<?x8x8x4xf32>) -> tensor<?x8x8xi64>
  %10 = nn.arg_min %x axis = 1 : (tensor<?x8x8x4xf32>) -> tensor<?x8x4xi32>
  %11 = nn.softmax %x axis = 3 : tensor<?x8x8x4xf32>
  %12 = nn.log_softmax %x axis = 1 : tensor<?x8x8x4xf32>
  %13 = nn.layer_norm %12, %c, %c epsilon = 1.000000e-03 : (tensor<?x8x8x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x8x8x4xf32>
  %14 = nn.sum %i axes = [1] keep_dims = false : (tensor<?x4xi32>) -> tensor<?xi32>
  %15 = nn.prod %i axes = [1] keep_dims = false : (tensor<?x4xi32>) -> tensor<?xi32>
  %16 = nn.max %i axes = [1] keep_dims = false : (tensor<?x4xi32>) -> tensor<?xi32>
  %17 = nn.min %i axes = [1] keep_dims = false : (tensor<?x4xi32>) -> tensor<?xi32>
  func.return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %13, %14, %15, %16, %17 : tensor<?x4x4x4xf32>, tensor<?x4x4x4xf32>, tensor<?x4xf32>, tensor<?x1x1x4xf32>, tensor<?x8x8xf32>, tensor<?x8x8xf32>, tensor<?x8x4xf32>, tensor<?xi1>, tensor<?xi1>, tensor<?x8x8xi64>, tensor<?x8x4xi32>, tensor<?x8x8x4xf32>, tensor<?x8x8x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>
}
func.func @movement(%x: tensor<?x8x4xf32>, %i: tensor<?x3xi32>, %j: tensor<?x3xi64>) -> (tensor<?x4x8xf32>, tensor<?x4x4xf32>, tensor<?x11x4xf32>, tensor<?x11x4xf32>, tensor<?x12x4xf32>, tensor<?x16x4xf32>, tensor<?x8x4xf32>, tensor<?x3x4xf32>, tensor<?x3xi64>, tensor<?x4xf32>, tensor<?x8x4xf32>) {
  %table = nn.weight @table : tensor<10x4xf32>
  %one = nn.weight @one : tensor<1xf32>
  %0 = nn.transpose %x permutation = [0, 2, 1] : (tensor<?x8x4xf32>) -> tensor<?x4x8xf32>
  %1 = nn.slice %x begin = <0, 7, 0> strides = [1, -2, 1] : (tensor<?x8x4xf32>) -> tensor<?x4x4xf32>
  %2 = nn.pad %x before = [0, 1, 0] after = [0, 2, 0] value = 2.000000e+00 : f32 : (tensor<?x8x4xf32>) -> tensor<?x11x4xf32>
  %3 = nn.mirror_pad %x before = [0, 1, 0] after = [0, 2, 0] mode = "REFLECT" : (tensor<?x8x4xf32>) -> tensor<?x11x4xf32>
  %4 = nn.concat %1, %x axis = 1 : (tensor<?x4x4xf32>, tensor<?x8x4xf32>) -> tensor<?x12x4xf32>
  %5 = nn.tile %x multiples = <1, 2, 1> : (tensor<?x8x4xf32>) -> tensor<?x16x4xf32>
  %6 = nn.reverse %x axes = [1] : (tensor<?x8x4xf32>) -> tensor<?x8x4xf32>
  %7 = nn.gather %table, %i axis = 0 batch_dims = 0 : (tensor<10x4xf32>, tensor<?x3xi32>) -> tensor<?x3x4xf32>
  %8 = nn.neg %j : tensor<?x3xi64>
  %9 = nn.mul %8, %8 : tensor<?x3xi64>
  %10 = nn.sub %9, %j : tensor<?x3xi64>
  %11 = nn.neg %10 : tensor<?x3xi64>
  %12 = nn.broadcast_to %one : (tensor<1xf32>) -> tensor<?x4xf32>
  func.return %0, %1, %2, %3, %4, %5, %6, %7, %11, %12, %x : tensor<?x4x8xf32>, tensor<?x4x4xf32>, tensor<?x11x4xf32>, tensor<?x11x4xf32>, tensor<?x12x4xf32>, tensor<?x16x4xf32>, tensor<?x8x4xf32>, tensor<?x3x4xf32>, tensor<?x3xi64>, tensor<?x4xf32>, tensor<?x8x4xf32>
}
func.func @gradient(%x: tensor<?x8x8x4xf32>, %y: tensor<?x4x4x8xf32>, %v: tensor<?x4x4x4x2xf32>, %p: tensor<?x4x4x4xf32>, %i: tensor<?x8xi32>, %j: tensor<?x8xi64>) -> (tensor<3x3x4x8xf32>, tensor<3x3x3x2x2xf32>, tensor<3x3x4x2xf32>, tensor<?x8x8x4xf32>, tensor<10x8x4xf32>, tensor<10xi64>) {
  %0 = nn.conv2d_backprop_filter %x, %y strides = [2, 2] pads = [0, 0, 1, 1] dilations = [1, 1] : (tensor<?x8x8x4xf32>, tensor<?x4x4x8xf32>) -> tensor<3x3x4x8xf32>
  %1 = nn.conv3d_backprop_filter %v, %v strides = [1, 1, 1] pads = [1, 1, 1, 1, 1, 1] dilations = [1, 1, 1] : (tensor<?x4x4x4x2xf32>, tensor<?x4x4x4x2xf32>) -> tensor<3x3x3x2x2xf32>
  %2 = nn.depthwise_conv2d_backprop_filter %x, %y strides = [2, 2] pads = [0, 0, 1, 1] dilations = [1, 1] : (tensor<?x8x8x4xf32>, tensor<?x4x4x8xf32>) -> tensor<3x3x4x2xf32>
  %3 = nn.max_pool_grad %x, %p window = [3, 3] strides = [2, 2] pads = [0, 0, 1, 1] : (tensor<?x8x8x4xf32>, tensor<?x4x4x4xf32>) -> tensor<?x8x8x4xf32>
  %4 = nn.segment_sum skip_negative %x, %i : (tensor<?x8x8x4xf32>, tensor<?x8xi32>) -> tensor<10x8x4xf32>
  %5 = nn.segment_sum %j, %j : (tensor<?x8xi64>, tensor<?x8xi64>) -> tensor<10xi64>
  func.return %0, %1, %2, %3, %4, %5 : tensor<3x3x4x8xf32>, tensor<3x3x3x2x2xf32>, tensor<3x3x4x2xf32>, tensor<?x8x8x4xf32>, tensor<10x8x4xf32>, tensor<10xi64>
}
func.func @volume(%v: tensor<?x4x5x6x7xf32>) -> (tensor<?x2x2x4x7xf32>, tensor<?x4x5x6x7xf32>) {
  %0 = nn.max_pool %v window = [2, 3, 2] strides = [2, 2, 2] pads = [0, 0, 1, 0, 0, 1] : (tensor<?x4x5x6x7xf32>) -> tensor<?x2x2x4x7xf32>
  %1 = nn.avg_pool %v window = [2, 3, 2] strides = [2, 2, 2] pads = [0, 0, 1, 0, 0, 1] : (tensor<?x4x5x6x7xf32>) -> tensor<?x2x2x4x7xf32>
  %2 = nn.max_pool3d_grad %v, %1 window = [2, 3, 2] strides = [2, 2, 2] pads = [0, 0, 1, 0, 0, 1] : (tensor<?x4x5x6x7xf32>, tensor<?x2x2x4x7xf32>) -> tensor<?x4x5x6x7xf32>
  func.return %0, %2 : tensor<?x2x2x4x7xf32>, tensor<?x4x5x6x7xf32>
}
func.func @dynamic(%x: tensor<?x8x8x4xf32>, %t: tensor<?x8x4xf32>, %v: tensor<?x4x4x4x2xf32>, %f1: tensor<3x4x8xf32>, %f2: tensor<3x3x4x8xf32>, %f3: tensor<3x3x3x1x8xf32>, %b: tensor<8xf32>) -> (tensor<?x8x8xf32>, tensor<?x3x3x8xf32>, tensor<?x4x4x4x8xf32>) {
  %0 = nn.conv1d %t, %f1 bias %b : tensor<8xf32> activation<relu> strides = [1] pads = [2, 0] dilations = [1] groups = 1 : tensor<?x8x4xf32>, tensor<3x4x8xf32> -> tensor<?x8x8xf32>
  %1 = nn.conv2d %x, %f2 strides = [2, 2] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x8x8x4xf32>, tensor<3x3x4x8xf32> -> tensor<?x3x3x8xf32>
  %2 = nn.conv3d %v, %f3 strides = [1, 1, 1] pads = [1, 1, 1, 1, 1, 1] dilations = [1, 1, 1] groups = 2 : tensor<?x4x4x4x2xf32>, tensor<3x3x3x1x8xf32> -> tensor<?x4x4x4x8xf32>
  func.return %0, %1, %2 : tensor<?x8x8xf32>, tensor<?x3x3x8xf32>, tensor<?x4x4x4x8xf32>
}
func.func @random(%s: tensor<2xi64>, %x: tensor<?x4xf32>) -> (tensor<3xui64>, tensor<?x5xui32>, tensor<?x5xui64>, tensor<?x5xf32>, tensor<?x5xf64>, tensor<?x5xf32>, tensor<?x5xf64>, tensor<?x5xf32>, tensor<?x5xf64>) {
  %0 = nn.random_key %s : (tensor<2xi64>) -> tensor<3xui64>
  %k = nn.slice %0 begin = <0> strides = [1] : (tensor<3xui64>) -> tensor<1xui64>
  %c = nn.slice %0 begin = <1> strides = [1] : (tensor<3xui64>) -> tensor<2xui64>
  %1 = nn.random %k, %c distribution = "bits" : (tensor<1xui64>, tensor<2xui64>) -> tensor<?x5xui32>
  %2 = nn.random %k, %c distribution = "bits" : (tensor<1xui64>, tensor<2xui64>) -> tensor<?x5xui64>
  %3 = nn.random %k, %c distribution = "uniform" : (tensor<1xui64>, tensor<2xui64>) -> tensor<?x5xf32>
  %4 = nn.random %k, %c distribution = "uniform" : (tensor<1xui64>, tensor<2xui64>) -> tensor<?x5xf64>
  %5 = nn.random %k, %c distribution = "normal" : (tensor<1xui64>, tensor<2xui64>) -> tensor<?x5xf32>
  %6 = nn.random %k, %c distribution = "normal" : (tensor<1xui64>, tensor<2xui64>) -> tensor<?x5xf64>
  %7 = nn.random %k, %c distribution = "truncated_normal" : (tensor<1xui64>, tensor<2xui64>) -> tensor<?x5xf32>
  %8 = nn.random %k, %c distribution = "truncated_normal" : (tensor<1xui64>, tensor<2xui64>) -> tensor<?x5xf64>
  func.return %0, %1, %2, %3, %4, %5, %6, %7, %8 : tensor<3xui64>, tensor<?x5xui32>, tensor<?x5xui64>, tensor<?x5xf32>, tensor<?x5xf64>, tensor<?x5xf32>, tensor<?x5xf64>, tensor<?x5xf32>, tensor<?x5xf64>
}
