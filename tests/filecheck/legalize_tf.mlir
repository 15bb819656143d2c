// RUN: tfrc opt %s -p legalize-tf | filecheck %s

// SAME becomes pads, the larger half behind.
// CHECK-LABEL: @same
// CHECK-NEXT:    nn.conv2d %x, %w strides = [2, 2] pads = [0, 0, 1, 1] dilations = [1, 1] groups = 1
func.func @same(%x: tensor<?x8x8x3xf32>, %w: tensor<3x3x3x4xf32>) -> tensor<?x4x4x4xf32> {
  %0 = tf.node "Conv2D"(%x, %w) {padding = "SAME", strides = [1, 2, 2, 1], data_format = "NHWC"} : (tensor<?x8x8x3xf32>, tensor<3x3x3x4xf32>) -> tensor<?x4x4x4xf32>
  func.return %0 : tensor<?x4x4x4xf32>
}

// A filter that takes two of six channels: three groups. NCHW: transposes around NHWC.
// CHECK-LABEL: @groups_channels_first
// CHECK-NEXT:    [[X:%.*]] = nn.transpose %x permutation = [0, 2, 3, 1]
// CHECK-NEXT:    [[Y:%.*]] = nn.conv2d [[X]], %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 3
// CHECK-NEXT:    nn.transpose [[Y]] permutation = [0, 3, 1, 2]
func.func @groups_channels_first(%x: tensor<?x6x5x5xf32>, %w: tensor<3x3x2x9xf32>) -> tensor<?x9x3x3xf32> {
  %0 = tf.node "Conv2D"(%x, %w) {padding = "VALID", strides = [1, 1, 1, 1], data_format = "NCHW"} : (tensor<?x6x5x5xf32>, tensor<3x3x2x9xf32>) -> tensor<?x9x3x3xf32>
  func.return %0 : tensor<?x9x3x3xf32>
}

// The type of a Reshape becomes known once its shape operand is folded; its users see that.
// CHECK-LABEL: @refine
// CHECK-NEXT:    [[R:%.*]] = nn.reshape %x : (tensor<?x7x4xf32>) -> tensor<?x4xf32, #nn.dims<7*N, 4>>
// CHECK-NEXT:    [[S:%.*]] = nn.softmax [[R]] axis = 1
// CHECK-NEXT:    func.return [[S]] : tensor<?x4xf32, #nn.dims<7*N, 4>>
func.func @refine(%x: tensor<?x7x4xf32>) -> !tf.unranked<f32> {
  %shape = nn.constant dense<[-1, 4]> : tensor<2xi32>
  %0 = tf.node "Reshape"(%x, %shape) : (tensor<?x7x4xf32>, tensor<2xi32>) -> !tf.unranked<f32>
  %1 = tf.node "Softmax"(%0) : (!tf.unranked<f32>) -> !tf.unranked<f32>
  func.return %1 : !tf.unranked<f32>
}

// A slice with every mask: x[:, newaxis, ..., 1, ::-2].
// CHECK-LABEL: @strided_slice
// CHECK-NEXT:    [[S:%.*]] = nn.slice %x begin = <0, 0, 1, 4> strides = [1, 1, 1, -2] : (tensor<?x3x4x5xf32>) -> tensor<?x3x1x3xf32>
// CHECK-NEXT:    nn.reshape [[S]] : (tensor<?x3x1x3xf32>) -> tensor<?x1x3x3xf32>
func.func @strided_slice(%x: tensor<?x3x4x5xf32>) -> tensor<?x1x3x3xf32> {
  %begin = nn.constant dense<[0, 0, 0, 1, 0]> : tensor<5xi32>
  %end = nn.constant dense<[0, 0, 0, 2, 0]> : tensor<5xi32>
  %strides = nn.constant dense<[1, 1, 1, 1, -2]> : tensor<5xi32>
  %0 = tf.node "StridedSlice"(%x, %begin, %end, %strides) {begin_mask = 17, end_mask = 17, ellipsis_mask = 4, new_axis_mask = 2, shrink_axis_mask = 8} : (tensor<?x3x4x5xf32>, tensor<5xi32>, tensor<5xi32>, tensor<5xi32>) -> tensor<?x1x3x3xf32>
  func.return %0 : tensor<?x1x3x3xf32>
}

// The batch size as a number.
// CHECK-LABEL: @batch
// CHECK-NEXT:    [[ONE:%.*]] = nn.constant dense<1> : tensor<i32>
// CHECK-NEXT:    [[ONES:%.*]] = nn.broadcast_to [[ONE]] : (tensor<i32>) -> tensor<?xi32>
// CHECK-NEXT:    [[N:%.*]] = nn.sum [[ONES]]
// CHECK-NEXT:    nn.cast [[N]]
func.func @batch(%x: tensor<?x4xf32>) -> tensor<4xf32> {
  %shape = tf.node "Shape"(%x) {out_type = i32} : (tensor<?x4xf32>) -> tensor<2xi32>
  %zero = nn.constant dense<0> : tensor<i32>
  %n = tf.node "GatherV2"(%shape, %zero, %zero) {batch_dims = 0} : (tensor<2xi32>, tensor<i32>, tensor<i32>) -> tensor<i32>
  %f = tf.node "Cast"(%n) : (tensor<i32>) -> tensor<f32>
  %s = tf.node "Sum"(%x, %zero) : (tensor<?x4xf32>, tensor<i32>) -> tensor<4xf32>
  %0 = tf.node "RealDiv"(%s, %f) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// What nothing uses, and what checks, goes without a word.
// CHECK-LABEL: @unused
// CHECK-NEXT:    func.return %x
func.func @unused(%x: tensor<?x4xf32>, %ok: tensor<i1>) -> tensor<?x4xf32> {
  %0 = tf.node "Fft"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  tf.node "Assert"(%ok, %0) : (tensor<i1>, tensor<?x4xf32>) -> ()
  func.return %x : tensor<?x4xf32>
}

// Nodes between pass values on: the function reads once, and assigns what was assigned last.
// CHECK-LABEL: @state
// CHECK-NEXT:    [[K:%.*]] = nn.read @kernel : tensor<2xf32>
// CHECK-NEXT:    [[M:%.*]] = nn.mul [[K]], %x
// CHECK-NEXT:    [[A:%.*]] = nn.add [[M]], %x
// CHECK-NEXT:    [[S:%.*]] = nn.sub [[A]], [[K]]
// CHECK-NEXT:    nn.assign @kernel, [[S]] : tensor<2xf32>
// CHECK-NEXT:    func.return [[A]] : tensor<2xf32>
func.func @state(%x: tensor<2xf32>) -> tensor<2xf32> {
  %h = tf.node "VarHandleOp"() {dtype = f32, shape = #tf.shape<"2">, key = "kernel"} : () -> !tf.resource
  %0 = tf.node "ReadVariableOp"(%h) {dtype = f32} : (!tf.resource) -> tensor<2xf32>
  %1 = tf.node "Mul"(%0, %x) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  tf.node "AssignVariableOp"(%h, %1) {dtype = f32} : (!tf.resource, tensor<2xf32>) -> ()
  tf.node "AssignAddVariableOp"(%h, %x) {dtype = f32} : (!tf.resource, tensor<2xf32>) -> ()
  %2 = tf.node "ReadVariableOp"(%h) {dtype = f32} : (!tf.resource) -> tensor<2xf32>
  tf.node "AssignSubVariableOp"(%h, %0) {dtype = f32} : (!tf.resource, tensor<2xf32>) -> ()
  func.return %2 : tensor<2xf32>
}

// A branch: what each side assigns is read there; behind it, one of the values is selected.
// CHECK-LABEL: @branch
// CHECK-NEXT:    [[K:%.*]] = nn.read @kernel : tensor<2xf32>
// CHECK-NEXT:    [[A:%.*]] = nn.add [[K]], %x
// CHECK-NEXT:    [[M:%.*]] = nn.mul [[A]], %x
// CHECK-NEXT:    [[N:%.*]] = nn.neg [[K]]
// CHECK-NEXT:    [[Y:%.*]] = nn.select %c, [[M]], [[N]]
// CHECK-NEXT:    [[S:%.*]] = nn.select %c, [[A]], [[K]]
// CHECK-NEXT:    nn.assign @kernel, [[S]] : tensor<2xf32>
// CHECK-NEXT:    func.return [[Y]] : tensor<2xf32>
func.func @branch(%c: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  %h = tf.node "VarHandleOp"() {dtype = f32, shape = #tf.shape<"2">, key = "kernel"} : () -> !tf.resource
  tf.then %c : tensor<i1>
  tf.node "AssignAddVariableOp"(%h, %x) {dtype = f32} : (!tf.resource, tensor<2xf32>) -> ()
  %0 = tf.node "ReadVariableOp"(%h) {dtype = f32} : (!tf.resource) -> tensor<2xf32>
  %1 = tf.node "Mul"(%0, %x) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  tf.else
  %2 = tf.node "ReadVariableOp"(%h) {dtype = f32} : (!tf.resource) -> tensor<2xf32>
  %3 = tf.node "Neg"(%2) : (tensor<2xf32>) -> tensor<2xf32>
  %4 = tf.merge %c then(%1 : tensor<2xf32>) else(%3 : tensor<2xf32>) : tensor<i1> -> tensor<2xf32>
  func.return %4 : tensor<2xf32>
}

// An index that the other side's condition excludes is not looked up.
// CHECK-LABEL: @index
// CHECK:         [[ZERO:%.*]] = nn.constant dense<0>
// CHECK-NEXT:    [[I:%.*]] = nn.select %c, [[ZERO]], %i
// CHECK-NEXT:    nn.gather %x, [[I]]
func.func @index(%c: tensor<i1>, %x: tensor<4xf32>, %i: tensor<i32>) -> tensor<f32> {
  %zero = nn.constant dense<0> : tensor<i32>
  %0 = nn.constant dense<1.0> : tensor<f32>
  tf.then %c : tensor<i1>
  tf.else
  %1 = tf.node "GatherV2"(%x, %i, %zero) {batch_dims = 0} : (tensor<4xf32>, tensor<i32>, tensor<i32>) -> tensor<f32>
  %2 = tf.merge %c then(%0 : tensor<f32>) else(%1 : tensor<f32>) : tensor<i1> -> tensor<f32>
  func.return %2 : tensor<f32>
}
