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

// Known at run time only: both sides, between marks. A number is not zero, or is the branch's.
// CHECK-LABEL: @either
// CHECK-NEXT:    tf.then %c : tensor<i1>
// CHECK-NEXT:    [[H:%.*]] = nn.constant
// CHECK-NEXT:    [[A:%.*]] = tf.node "Mul"(%x, [[H]])
// CHECK-NEXT:    tf.else
// CHECK-NEXT:    [[B:%.*]] = tf.node "Neg"(%x)
// CHECK-NEXT:    [[Y:%.*]] = tf.merge %c then([[A]] : tensor<f32>) else([[B]] : tensor<f32>)
// CHECK-NEXT:    func.return [[Y]]
func.func public @either(%c: tensor<i1>, %x: tensor<f32>) -> tensor<f32> {
  %0 = tf.node "StatelessIf"(%c, %x) {then_branch = @half, else_branch = @minus} : (tensor<i1>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}

// CHECK-LABEL: @one_of_three
// CHECK:         [[FIRST:%.*]] = tf.node "Equal"(%i,
// CHECK-NEXT:    tf.then [[FIRST]]
// CHECK:         tf.else
// CHECK:         [[SECOND:%.*]] = tf.node "Equal"(%i,
// CHECK-NEXT:    tf.then [[SECOND]]
// CHECK:         tf.else
// CHECK:         [[REST:%.*]] = tf.merge [[SECOND]]
// CHECK-NEXT:    tf.merge [[FIRST]] then({{.*}}) else([[REST]] : tensor<f32>)
func.func public @one_of_three(%i: tensor<i32>, %x: tensor<f32>) -> tensor<f32> {
  %0 = tf.node "Case"(%i, %x) {branches = [@half, @minus, @half]} : (tensor<i32>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}

// A list that one side makes longer stays with its branch.
// CHECK-LABEL: @lists
// CHECK:         tf.node "If"
func.func public @lists(%c: tensor<i1>, %x: tensor<f32>) -> tensor<i32> {
  %shape = nn.constant dense<[]> : tensor<0xi32>
  %size = nn.constant dense<-1> : tensor<i32>
  %l = tf.node "EmptyTensorList"(%shape, %size) : (tensor<0xi32>, tensor<i32>) -> !tf.variant
  %0 = tf.node "If"(%c, %l, %x) {then_branch = @longer, else_branch = @same} : (tensor<i1>, !tf.variant, tensor<f32>) -> !tf.variant
  %1 = tf.node "TensorListLength"(%0) : (!tf.variant) -> tensor<i32>
  func.return %1 : tensor<i32>
}

func.func private @minus(%x: tensor<f32>) -> tensor<f32> {
  %0 = tf.node "Neg"(%x) : (tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}

func.func private @longer(%l: !tf.variant, %x: tensor<f32>) -> !tf.variant {
  %0 = tf.node "TensorListPushBack"(%l, %x) : (!tf.variant, tensor<f32>) -> !tf.variant
  func.return %0 : !tf.variant
}

func.func private @same(%l: !tf.variant, %x: tensor<f32>) -> !tf.variant {
  func.return %l : !tf.variant
}
