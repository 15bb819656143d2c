// RUN: tfrc opt %s -p unroll-loops | filecheck %s
// RUN: tfrc opt %s -p unroll-loops{max-nodes=5} | filecheck %s --check-prefix=SHORT

// Three steps of a recurrent layer; the rows of the input and of the result are lists.
// CHECK-LABEL: @recurrent
// CHECK:         [[X:%.*]], [[X1:%.*]], [[X2:%.*]] = tf.node "Unpack"(%x)
// CHECK:         [[H:%.*]] = tf.node "AddV2"(%h, [[X]])
// CHECK-NEXT:    [[H1:%.*]] = tf.node "AddV2"([[H]], [[X1]])
// CHECK-NEXT:    [[H2:%.*]] = tf.node "AddV2"([[H1]], [[X2]])
// CHECK-NEXT:    [[Y:%.*]] = tf.node "Pack"([[H]], [[H1]], [[H2]])
// CHECK-NEXT:    func.return [[Y]], [[H2]]
// CHECK-NOT:     @less_than_3
// SHORT-LABEL: @recurrent
// SHORT:         tf.node "While"
func.func public @recurrent(%x: tensor<3x?x4xf32>, %h: tensor<?x4xf32>) -> (tensor<3x?x4xf32>, tensor<?x4xf32>) {
  %zero = nn.constant dense<0> : tensor<i32>
  %shape = nn.constant dense<[-1, 4]> : tensor<2xi32>
  %three = nn.constant dense<3> : tensor<i32>
  %in = tf.node "TensorListFromTensor"(%x, %shape) : (tensor<3x?x4xf32>, tensor<2xi32>) -> !tf.variant
  %out = tf.node "TensorListReserve"(%shape, %three) : (tensor<2xi32>, tensor<i32>) -> !tf.variant
  %0, %1, %2, %3 = tf.node "While"(%zero, %in, %out, %h) {cond = @less_than_3, body = @step} : (tensor<i32>, !tf.variant, !tf.variant, tensor<?x4xf32>) -> (tensor<i32>, !tf.variant, !tf.variant, tensor<?x4xf32>)
  %4 = tf.node "TensorListStack"(%2, %shape) {num_elements = 3} : (!tf.variant, tensor<2xi32>) -> tensor<3x?x4xf32>
  func.return %4, %3 : tensor<3x?x4xf32>, tensor<?x4xf32>
}

func.func private @less_than_3(%i: tensor<i32>, %in: !tf.variant, %out: !tf.variant, %h: tensor<?x4xf32>) -> tensor<i1> {
  %three = nn.constant dense<3> : tensor<i32>
  %0 = tf.node "Less"(%i, %three) : (tensor<i32>, tensor<i32>) -> tensor<i1>
  func.return %0 : tensor<i1>
}

func.func private @step(%i: tensor<i32>, %in: !tf.variant, %out: !tf.variant, %h: tensor<?x4xf32>) -> (tensor<i32>, !tf.variant, !tf.variant, tensor<?x4xf32>) {
  %shape = nn.constant dense<[-1, 4]> : tensor<2xi32>
  %one = nn.constant dense<1> : tensor<i32>
  %x = tf.node "TensorListGetItem"(%in, %i, %shape) : (!tf.variant, tensor<i32>, tensor<2xi32>) -> tensor<?x4xf32>
  %0 = tf.node "AddV2"(%h, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = tf.node "TensorListSetItem"(%out, %i, %0) : (!tf.variant, tensor<i32>, tensor<?x4xf32>) -> !tf.variant
  %2 = tf.node "AddV2"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
  func.return %2, %in, %1, %0 : tensor<i32>, !tf.variant, !tf.variant, tensor<?x4xf32>
}

// How often this one runs depends on data.
// CHECK-LABEL: @halve
// CHECK-NEXT:    tf.node "While"(%x)
func.func public @halve(%x: tensor<f32>) -> tensor<f32> {
  %0 = tf.node "While"(%x) {cond = @above_one, body = @half} : (tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}

// CHECK:       @above_one
func.func private @above_one(%x: tensor<f32>) -> tensor<i1> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %0 = tf.node "Greater"(%x, %one) : (tensor<f32>, tensor<f32>) -> tensor<i1>
  func.return %0 : tensor<i1>
}

// CHECK:       @half
func.func private @half(%x: tensor<f32>) -> tensor<f32> {
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = tf.node "Mul"(%x, %half) : (tensor<f32>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}

// CHECK-LABEL: @branch
// CHECK:         tf.node "Mul"(%x
// CHECK-NOT:     tf.node "If"
func.func public @branch(%x: tensor<f32>) -> tensor<f32> {
  %yes = nn.constant dense<true> : tensor<i1>
  %0 = tf.node "If"(%yes, %x) {then_branch = @half, else_branch = @half} : (tensor<i1>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
