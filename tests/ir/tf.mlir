func.func @serving_default(%x: tensor<?x8xf32> {tf.name = "x"}) -> (tensor<?x4xf32> {tf.name = "Identity"}) {
  %0 = nn.weight @"dense/kernel" : tensor<8x4xf32>
  %1 = tf.dims <N, 4, 2*N-3> : tensor<3xi32>
  %2 = tf.node "MatMul"(%x, %0) {T = f32, transpose_a = false, transpose_b = false} : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  %3 = tf.node "VarHandleOp"() {dtype = f32, shape = #tf.shape<"?,4">} : () -> !tf.resource
  %4, %5 = tf.node "Unknown"(%2) {names = ["a", "b"]} : (tensor<?x4xf32>) -> (!tf.unranked<f32>, !tf.variant)
  func.return %2 : tensor<?x4xf32>
}
func.func @branch(%c: tensor<i1>, %x: tensor<f32>) -> tensor<f32> {
  tf.then %c : tensor<i1>
  tf.else
  %0, %1 = tf.merge %c then(%x, %x : tensor<f32>, tensor<f32>) else(%x, %x : tensor<f32>, tensor<f32>) : tensor<i1> -> tensor<f32>, tensor<f32>
  tf.then %c : tensor<i1>
  tf.else
  tf.merge %c then() else() : tensor<i1>
  func.return %1 : tensor<f32>
}
