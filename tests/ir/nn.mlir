nn.variable @"dense/kernel" : tensor<4x2xf32>
nn.variable @iterations : tensor<i64>
func.func @state(%g: tensor<4x2xf32>) -> tensor<i64> {
  %0 = nn.read @"dense/kernel" : tensor<4x2xf32>
  %1 = nn.read @iterations : tensor<i64>
  %2 = nn.sub %0, %g : tensor<4x2xf32>
  nn.assign @"dense/kernel", %2 : tensor<4x2xf32>
  func.return %1 : tensor<i64>
}
func.func @constants() -> (tensor<2x2xf32>, tensor<3x3x4x8xf32>, tensor<f32>) {
  %0 = nn.constant dense<[[1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
  %1 = nn.weight @"block1/conv/kernel" : tensor<3x3x4x8xf32>
  %2 = nn.constant dense<6.000000e+00> : tensor<f32>
  func.return %0, %1, %2 : tensor<2x2xf32>, tensor<3x3x4x8xf32>, tensor<f32>
}
func.func @unary(%x: tensor<?x4xf32>, %b: tensor<?x4xi1>) -> tensor<?x4xf32> {
  %0 = nn.neg %x : tensor<?x4xf32>
  %1 = nn.abs %0 : tensor<?x4xf32>
  %2 = nn.sign %1 : tensor<?x4xf32>
  %3 = nn.exp %2 : tensor<?x4xf32>
  %4 = nn.expm1 %3 : tensor<?x4xf32>
  %5 = nn.log %4 : tensor<?x4xf32>
  %6 = nn.log1p %5 : tensor<?x4xf32>
  %7 = nn.sqrt %6 : tensor<?x4xf32>
  %8 = nn.rsqrt %7 : tensor<?x4xf32>
  %9 = nn.sin %8 : tensor<?x4xf32>
  %10 = nn.cos %9 : tensor<?x4xf32>
  %11 = nn.tan %10 : tensor<?x4xf32>
  %12 = nn.asin %11 : tensor<?x4xf32>
  %13 = nn.acos %12 : tensor<?x4xf32>
  %14 = nn.atan %13 : tensor<?x4xf32>
  %15 = nn.sinh %14 : tensor<?x4xf32>
  %16 = nn.cosh %15 : tensor<?x4xf32>
  %17 = nn.asinh %16 : tensor<?x4xf32>
  %18 = nn.acosh %17 : tensor<?x4xf32>
  %19 = nn.atanh %18 : tensor<?x4xf32>
  %20 = nn.tanh %19 : tensor<?x4xf32>
  %21 = nn.sigmoid %20 : tensor<?x4xf32>
  %22 = nn.erf %21 : tensor<?x4xf32>
  %23 = nn.erfc %22 : tensor<?x4xf32>
  %24 = nn.floor %23 : tensor<?x4xf32>
  %25 = nn.ceil %24 : tensor<?x4xf32>
  %26 = nn.round %25 : tensor<?x4xf32>
  %27 = nn.relu %26 : tensor<?x4xf32>
  %28 = nn.relu6 %27 : tensor<?x4xf32>
  %29 = nn.selu %28 : tensor<?x4xf32>
  %30 = nn.softplus %29 : tensor<?x4xf32>
  %31 = nn.softsign %30 : tensor<?x4xf32>
  %32 = nn.swish %31 : tensor<?x4xf32>
  %33 = nn.hard_swish %32 : tensor<?x4xf32>
  %34 = nn.hard_sigmoid %33 : tensor<?x4xf32>
  %35 = nn.gelu %34 : tensor<?x4xf32>
  %36 = nn.gelu_tanh %35 : tensor<?x4xf32>
  %37 = nn.elu %36 alpha = 5.000000e-01 : tensor<?x4xf32>
  %38 = nn.leaky_relu %37 alpha = 2.000000e-01 : tensor<?x4xf32>
  %39 = nn.logical_not %b : tensor<?x4xi1>
  %40 = nn.is_nan %38 : (tensor<?x4xf32>) -> tensor<?x4xi1>
  %41 = nn.is_inf %38 : (tensor<?x4xf32>) -> tensor<?x4xi1>
  %42 = nn.is_finite %38 : (tensor<?x4xf32>) -> tensor<?x4xi1>
  func.return %38 : tensor<?x4xf32>
}
func.func @binary(%x: tensor<?x4xf32>, %c: tensor<4xf32>, %i: tensor<?x4xi32>, %b: tensor<?x4xi1>) -> tensor<?x4xf32> {
  %0 = nn.add %x, %c : tensor<?x4xf32>, tensor<4xf32>
  %1 = nn.sub %0, %x : tensor<?x4xf32>
  %2 = nn.mul %1, %c : tensor<?x4xf32>, tensor<4xf32>
  %3 = nn.div %2, %x : tensor<?x4xf32>
  %4 = nn.maximum %3, %x : tensor<?x4xf32>
  %5 = nn.minimum %4, %x : tensor<?x4xf32>
  %6 = nn.pow %5, %x : tensor<?x4xf32>
  %7 = nn.atan2 %6, %x : tensor<?x4xf32>
  %8 = nn.floor_div %i, %i : tensor<?x4xi32>
  %9 = nn.floor_mod %8, %i : tensor<?x4xi32>
  %10 = nn.truncate_mod %9, %i : tensor<?x4xi32>
  %11 = nn.bitwise_and %10, %i : tensor<?x4xi32>
  %12 = nn.bitwise_or %11, %i : tensor<?x4xi32>
  %13 = nn.bitwise_xor %12, %i : tensor<?x4xi32>
  %14 = nn.equal %13, %i : tensor<?x4xi32>
  %15 = nn.not_equal %7, %x : tensor<?x4xf32>
  %16 = nn.less %7, %x : tensor<?x4xf32>
  %17 = nn.less_equal %7, %x : tensor<?x4xf32>
  %18 = nn.greater %7, %x : tensor<?x4xf32>
  %19 = nn.greater_equal %7, %x : tensor<?x4xf32>
  %20 = nn.logical_and %14, %15 : tensor<?x4xi1>
  %21 = nn.logical_or %20, %b : tensor<?x4xi1>
  %22 = nn.select %21, %7, %x : tensor<?x4xi1>, tensor<?x4xf32>, tensor<?x4xf32>
  %23 = nn.cast %i : tensor<?x4xi32> to tensor<?x4xf32>
  func.return %22 : tensor<?x4xf32>
}
func.func @map(%x: tensor<?x7x7x8xf32>, %s: tensor<?x1x1x8xf32>) -> tensor<?x7x7x8xf32> {
  %0 = nn.map(%x, %s) : (tensor<?x7x7x8xf32>, tensor<?x1x1x8xf32>) -> tensor<?x7x7x8xf32> {
  ^bb0(%a: f32, %b: f32):
    %1 = nn.constant 6.000000e+00 : f32
    %2 = nn.mul %a, %b : f32
    %3 = nn.minimum %2, %1 : f32
    nn.yield %3 : f32
  }
  func.return %0 : tensor<?x7x7x8xf32>
}
func.func @linear(%x: tensor<?x8x8x4xf32>, %t: tensor<?x8x4xf32>, %v: tensor<?x4x4x4x2xf32>, %r: tensor<?x4x4x8xf32>, %b: tensor<8xf32>, %m: tensor<4x8xf32>) -> tensor<?x4x4x8xf32> {
  %0 = nn.weight @f1 : tensor<3x4x8xf32>
  %1 = nn.weight @f2 : tensor<3x3x4x8xf32>
  %2 = nn.weight @f3 : tensor<3x3x3x1x8xf32>
  %3 = nn.weight @fd : tensor<3x3x4x2xf32>
  %4 = nn.conv1d %t, %0 strides = [1] pads = [2, 0] dilations = [1] groups = 1 : tensor<?x8x4xf32>, tensor<3x4x8xf32> -> tensor<?x8x8xf32>
  %5 = nn.conv2d %x, %1 bias %b : tensor<8xf32> residual %r : tensor<?x4x4x8xf32> activation<leaky_relu, 2.000000e-01> strides = [2, 2] pads = [0, 0, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x8x8x4xf32>, tensor<3x3x4x8xf32> -> tensor<?x4x4x8xf32>
  %6 = nn.conv3d %v, %2 strides = [1, 1, 1] pads = [1, 1, 1, 1, 1, 1] dilations = [1, 1, 1] groups = 2 : tensor<?x4x4x4x2xf32>, tensor<3x3x3x1x8xf32> -> tensor<?x4x4x4x8xf32>
  %7 = nn.depthwise_conv2d %x, %3 bias %b : tensor<8xf32> activation<relu6> strides = [1, 1] pads = [2, 2, 2, 2] dilations = [2, 2] : tensor<?x8x8x4xf32>, tensor<3x3x4x2xf32> -> tensor<?x8x8x8xf32>
  %8 = nn.matmul %t, %m bias %b : tensor<8xf32> activation<gelu> : tensor<?x8x4xf32>, tensor<4x8xf32> -> tensor<?x8x8xf32>
  %9 = nn.matmul transpose_rhs %m, %m : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x4xf32>
  %10 = nn.batch_matmul transpose_rhs %8, %8 : (tensor<?x8x8xf32>, tensor<?x8x8xf32>) -> tensor<?x8x8xf32>
  %11 = nn.batch_matmul transpose_rhs heads_lhs heads_result %x, %x : (tensor<?x8x8x4xf32>, tensor<?x8x8x4xf32>) -> tensor<?x8x8x8xf32>
  func.return %5 : tensor<?x4x4x8xf32>
}
func.func @reduction(%x: tensor<?x8x8x4xf32>, %b: tensor<?x4xi1>, %c: tensor<4xf32>) -> tensor<?x8x8x4xf32> {
  %0 = nn.max_pool %x window = [3, 3] strides = [2, 2] pads = [0, 0, 1, 1] : (tensor<?x8x8x4xf32>) -> tensor<?x4x4x4xf32>
  %1 = nn.avg_pool %x window = [2, 2] strides = [2, 2] pads = [0, 0, 0, 0] : (tensor<?x8x8x4xf32>) -> tensor<?x4x4x4xf32>
  %2 = nn.sum %x axes = [1, 2] keep_dims = false : (tensor<?x8x8x4xf32>) -> tensor<?x4xf32>
  %3 = nn.mean %x axes = [1, 2] keep_dims = true : (tensor<?x8x8x4xf32>) -> tensor<?x1x1x4xf32>
  %4 = nn.max %x axes = [3] keep_dims = false : (tensor<?x8x8x4xf32>) -> tensor<?x8x8xf32>
  %5 = nn.min %x axes = [3] keep_dims = false : (tensor<?x8x8x4xf32>) -> tensor<?x8x8xf32>
  %6 = nn.prod %x axes = [1] keep_dims = false : (tensor<?x8x8x4xf32>) -> tensor<?x8x4xf32>
  %7 = nn.all %b axes = [1] keep_dims = false : (tensor<?x4xi1>) -> tensor<?xi1>
  %8 = nn.any %b axes = [1] keep_dims = false : (tensor<?x4xi1>) -> tensor<?xi1>
  %9 = nn.arg_max %2 axis = 1 : (tensor<?x4xf32>) -> tensor<?xi64>
  %10 = nn.arg_min %2 axis = 1 : (tensor<?x4xf32>) -> tensor<?xi64>
  %11 = nn.softmax %x axis = 3 : tensor<?x8x8x4xf32>
  %12 = nn.log_softmax %11 axis = 1 : tensor<?x8x8x4xf32>
  %13 = nn.layer_norm %12, %c, %c epsilon = 1.000000e-03 : (tensor<?x8x8x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x8x8x4xf32>
  func.return %13 : tensor<?x8x8x4xf32>
}
func.func @movement(%x: tensor<?x8x4xf32>, %i: tensor<?x3xi32>) -> tensor<?x4xf32, #nn.dims<8*N, 4>> {
  %0 = nn.reshape %x : (tensor<?x8x4xf32>) -> tensor<?x4xf32, #nn.dims<8*N, 4>>
  %1 = nn.transpose %x permutation = [0, 2, 1] : (tensor<?x8x4xf32>) -> tensor<?x4x8xf32>
  %2 = nn.slice %x begin = <0, 7, 0> strides = [1, -2, 1] : (tensor<?x8x4xf32>) -> tensor<?x4x4xf32>
  %3 = nn.pad %x before = [0, 1, 0] after = [0, 2, 0] value = 0.000000e+00 : f32 : (tensor<?x8x4xf32>) -> tensor<?x11x4xf32>
  %4 = nn.mirror_pad %x before = [0, 1, 0] after = [0, 2, 0] mode = "REFLECT" : (tensor<?x8x4xf32>) -> tensor<?x11x4xf32>
  %5 = nn.concat %2, %x axis = 1 : (tensor<?x4x4xf32>, tensor<?x8x4xf32>) -> tensor<?x12x4xf32>
  %6 = nn.tile %x multiples = <1, 2, 1> : (tensor<?x8x4xf32>) -> tensor<?x16x4xf32>
  %7 = nn.reverse %x axes = [1] : (tensor<?x8x4xf32>) -> tensor<?x8x4xf32>
  %8 = nn.weight @table : tensor<100x16xf32>
  %9 = nn.gather %8, %i axis = 0 batch_dims = 0 : (tensor<100x16xf32>, tensor<?x3xi32>) -> tensor<?x3x16xf32>
  %10 = nn.weight @scalar : tensor<1xf32>
  %11 = nn.broadcast_to %10 : (tensor<1xf32>) -> tensor<?x4xf32>
  func.return %0 : tensor<?x4xf32, #nn.dims<8*N, 4>>
}
func.func @gradient(%x: tensor<?x8x8x4xf32>, %y: tensor<?x4x4x8xf32>, %v: tensor<?x4x4x4x2xf32>, %p: tensor<?x4x4x4xf32>, %i: tensor<?x8xi32>) -> tensor<3x3x4x8xf32> {
  %0 = nn.conv2d_backprop_filter %x, %y strides = [2, 2] pads = [0, 0, 1, 1] dilations = [1, 1] : (tensor<?x8x8x4xf32>, tensor<?x4x4x8xf32>) -> tensor<3x3x4x8xf32>
  %1 = nn.conv3d_backprop_filter %v, %v strides = [1, 1, 1] pads = [1, 1, 1, 1, 1, 1] dilations = [1, 1, 1] : (tensor<?x4x4x4x2xf32>, tensor<?x4x4x4x2xf32>) -> tensor<3x3x3x2x2xf32>
  %2 = nn.depthwise_conv2d_backprop_filter %x, %y strides = [2, 2] pads = [0, 0, 1, 1] dilations = [1, 1] : (tensor<?x8x8x4xf32>, tensor<?x4x4x8xf32>) -> tensor<3x3x4x2xf32>
  %3 = nn.max_pool_grad %x, %p window = [3, 3] strides = [2, 2] pads = [0, 0, 1, 1] : (tensor<?x8x8x4xf32>, tensor<?x4x4x4xf32>) -> tensor<?x8x8x4xf32>
  %4 = nn.segment_sum skip_negative %x, %i : (tensor<?x8x8x4xf32>, tensor<?x8xi32>) -> tensor<10x8x4xf32>
  %q = nn.max_pool %v window = [2, 2, 2] strides = [2, 2, 2] pads = [0, 0, 0, 0, 0, 0] : (tensor<?x4x4x4x2xf32>) -> tensor<?x2x2x2x2xf32>
  %5 = nn.max_pool3d_grad %v, %q window = [2, 2, 2] strides = [2, 2, 2] pads = [0, 0, 0, 0, 0, 0] : (tensor<?x4x4x4x2xf32>, tensor<?x2x2x2x2xf32>) -> tensor<?x4x4x4x2xf32>
  func.return %0 : tensor<3x3x4x8xf32>
}
func.func @random(%s: tensor<2xi64>, %c: tensor<2xui64>, %k: tensor<1xui64>) -> tensor<?x4xf32> {
  %0 = nn.random_key %s : (tensor<2xi64>) -> tensor<3xui64>
  %1 = nn.random %k, %c distribution = "truncated_normal" : (tensor<1xui64>, tensor<2xui64>) -> tensor<?x4xf32>
  func.return %1 : tensor<?x4xf32>
}
