// RUN: tfrc opt %s -p inline-calls --print-debuginfo | filecheck %s

// The body of a call of a call; a loop keeps its functions.
// CHECK:       func.func @main(%x
// CHECK-NEXT:    [[A:%.*]] = tf.node "Relu"(%x) : ({{.*}}) -> {{.*}} loc("call/inner/relu")
// CHECK-NEXT:    [[B:%.*]] = tf.node "Neg"([[A]])
// CHECK-NEXT:    [[C:%.*]] = tf.node "While"([[B]]) {cond = @cond, body = @body}
// CHECK-NEXT:    func.return [[C]]
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tf.node "StatefulPartitionedCall"(%x) {f = @outer} : (tensor<4xf32>) -> tensor<4xf32> loc("call")
  %1 = tf.node "While"(%0) {cond = @cond, body = @body} : (tensor<4xf32>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}

// CHECK-NOT:   @outer
// CHECK-NOT:   @inner
func.func private @outer(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tf.node "PartitionedCall"(%x) {f = @inner} : (tensor<4xf32>) -> tensor<4xf32> loc("inner")
  %1 = tf.node "Neg"(%0) : (tensor<4xf32>) -> tensor<4xf32> loc("neg")
  func.return %1 : tensor<4xf32>
}

func.func private @inner(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tf.node "Relu"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("relu")
  func.return %0 : tensor<4xf32>
}

// CHECK:       func.func private @cond
func.func private @cond(%x: tensor<4xf32>) -> tensor<i1> {
  %0 = nn.constant dense<false> : tensor<i1>
  func.return %0 : tensor<i1>
}

// CHECK:       func.func private @body
// CHECK-NEXT:    tf.node "Relu"
func.func private @body(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tf.node "PartitionedCall"(%x) {f = @inner} : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// What calls itself stays.
// CHECK:       func.func @forever
// CHECK-NEXT:    tf.node "PartitionedCall"(%x) {f = @forever}
func.func @forever(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tf.node "PartitionedCall"(%x) {f = @forever} : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
