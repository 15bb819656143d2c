// RUN: tfrc opt %s -p fold-constants | filecheck %s

// An nn operation on constants is computed.
// CHECK-LABEL: @nn
// CHECK-NEXT:    [[C:%.*]] = nn.constant dense<[5.000000e+00, 8.000000e+00]> : tensor<2xf32>
// CHECK-NEXT:    nn.add %x, [[C]]
func.func @nn(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %a = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = nn.constant dense<[3.0, 2.0]> : tensor<2xf32>
  %two = nn.constant dense<2.0> : tensor<f32>
  %0 = nn.mul %a, %b : tensor<2xf32>
  %1 = nn.mul %a, %two : tensor<2xf32>, tensor<f32>
  %2 = nn.add %0, %1 : tensor<2xf32>
  %3 = nn.add %x, %2 : tensor<?x2xf32>, tensor<2xf32>
  func.return %3 : tensor<?x2xf32>
}

// The result would be a million times as large.
// CHECK-LABEL: @large
// CHECK:         nn.broadcast_to
func.func @large() -> tensor<1000x1000xf32> {
  %a = nn.constant dense<1.0> : tensor<1x1xf32>
  %0 = nn.broadcast_to %a : (tensor<1x1xf32>) -> tensor<1000x1000xf32>
  func.return %0 : tensor<1000x1000xf32>
}

// Keras's Flatten: the batch, and the product of the rest.
// CHECK-LABEL: @flatten
// CHECK-NEXT:    [[D:%.*]] = tf.dims <N, 147> : tensor<2xi32>
// CHECK-NEXT:    tf.node "Reshape"(%x, [[D]])
func.func @flatten(%x: tensor<?x7x7x3xf32>) -> tensor<?x147xf32> {
  %s = tf.node "Shape"(%x) {out_type = i32} : (tensor<?x7x7x3xf32>) -> tensor<4xi32>
  %zero = nn.constant dense<0> : tensor<1xi32>
  %one = nn.constant dense<1> : tensor<1xi32>
  %four = nn.constant dense<4> : tensor<1xi32>
  %n = tf.node "StridedSlice"(%s, %zero, %one, %one) {shrink_axis_mask = 1} : (tensor<4xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<i32>
  %rest = tf.node "StridedSlice"(%s, %one, %four, %one) : (tensor<4xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<3xi32>
  %size = tf.node "Prod"(%rest, %zero) {keep_dims = false} : (tensor<3xi32>, tensor<1xi32>) -> tensor<i32>
  %shape = tf.node "Pack"(%n, %size) {N = 2, axis = 0} : (tensor<i32>, tensor<i32>) -> tensor<2xi32>
  %0 = tf.node "Reshape"(%x, %shape) : (tensor<?x7x7x3xf32>, tensor<2xi32>) -> tensor<?x147xf32>
  func.return %0 : tensor<?x147xf32>
}

// The rank is known even where an extent is not.
// CHECK-LABEL: @rank
// CHECK-NEXT:    nn.constant dense<3> : tensor<i32>
func.func @rank(%x: !tf.partial<"N, ?, 4", f32>) -> tensor<i32> {
  %0 = tf.node "Rank"(%x) : (!tf.partial<"N, ?, 4", f32>) -> tensor<i32>
  func.return %0 : tensor<i32>
}

// N squared is not linear; N = 5 holds for one batch size; N > 0 holds for all.
// CHECK-LABEL: @nonlinear
// CHECK:         tf.node "Mul"
// CHECK:         tf.node "Equal"
// CHECK:         nn.constant dense<true> : tensor<i1>
func.func @nonlinear(%x: tensor<?xf32>) -> (tensor<i32>, tensor<i1>, tensor<i1>) {
  %n = tf.node "Size"(%x) : (tensor<?xf32>) -> tensor<i32>
  %0 = tf.node "Mul"(%n, %n) : (tensor<i32>, tensor<i32>) -> tensor<i32>
  %five = nn.constant dense<5> : tensor<i32>
  %1 = tf.node "Equal"(%n, %five) : (tensor<i32>, tensor<i32>) -> tensor<i1>
  %zero = nn.constant dense<0> : tensor<i32>
  %2 = tf.node "Greater"(%n, %zero) : (tensor<i32>, tensor<i32>) -> tensor<i1>
  func.return %0, %1, %2 : tensor<i32>, tensor<i1>, tensor<i1>
}

// CHECK-LABEL: @random
// CHECK:         tf.node "RandomUniform"
func.func @random() -> tensor<2xf32> {
  %shape = nn.constant dense<[2]> : tensor<1xi32>
  %0 = tf.node "RandomUniform"(%shape) {dtype = f32} : (tensor<1xi32>) -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}
