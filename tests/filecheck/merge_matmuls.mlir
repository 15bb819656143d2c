// RUN: tfrc opt %s -p merge-matmuls,dce | filecheck %s

// The steps of a sequence: neighbours of one tensor are not copied.
// CHECK-LABEL: @steps
// CHECK:       [[ROWS:%.*]] = nn.reshape %x : (tensor<2x?x3xf32>) -> tensor<?x3xf32, #nn.dims<2*N, 3>>
// CHECK:       [[PRODUCT:%.*]] = nn.matmul [[ROWS]], %w bias %b
// CHECK-NOT:   nn.matmul
// CHECK:       [[SECOND:%.*]] = nn.slice [[PRODUCT]] begin = <N, 0>
// CHECK:       [[FIRST:%.*]] = nn.slice [[PRODUCT]] begin = <0, 0>
// CHECK:       func.return [[FIRST]], [[SECOND]]
func.func @steps(%x: tensor<2x?x3xf32>, %w: tensor<3x4xf32>, %b: tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %0 = nn.slice %x begin = <0, 0, 0> strides = [1, 1, 1] : (tensor<2x?x3xf32>) -> tensor<1x?x3xf32>
  %1 = nn.slice %x begin = <1, 0, 0> strides = [1, 1, 1] : (tensor<2x?x3xf32>) -> tensor<1x?x3xf32>
  %2 = nn.reshape %0 : (tensor<1x?x3xf32>) -> tensor<?x3xf32>
  %3 = nn.reshape %1 : (tensor<1x?x3xf32>) -> tensor<?x3xf32>
  // The second step first, as in the backward direction of a bidirectional layer.
  %4 = nn.matmul %3, %w bias %b : tensor<4xf32> : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %5 = nn.matmul %2, %w bias %b : tensor<4xf32> : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  func.return %5, %4 : tensor<?x4xf32>, tensor<?x4xf32>
}

// What one product leads to is multiplied by another matrix; the second half has to wait for both.
// CHECK-LABEL: @apart
// CHECK:       [[A:%.*]] = nn.relu %x
// CHECK:       [[B:%.*]] = nn.exp %x
// CHECK:       [[ROWS:%.*]] = nn.concat [[A]], [[B]] axis = 0
// CHECK:       nn.matmul [[ROWS]], %w
// CHECK:       nn.tanh
func.func @apart(%x: tensor<?x3xf32>, %w: tensor<3x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %0 = nn.relu %x : tensor<?x3xf32>
  %1 = nn.matmul %0, %w : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %2 = nn.tanh %1 : tensor<?x4xf32>
  %3 = nn.exp %x : tensor<?x3xf32>
  %4 = nn.matmul %3, %w : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  func.return %2, %4 : tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: @recurrent
// CHECK-COUNT-2: nn.matmul
func.func @recurrent(%x: tensor<?x3xf32>, %w: tensor<3x3xf32>) -> tensor<?x3xf32> {
  %0 = nn.matmul %x, %w : tensor<?x3xf32>, tensor<3x3xf32> -> tensor<?x3xf32>
  %1 = nn.tanh %0 : tensor<?x3xf32>
  %2 = nn.matmul %1, %w : tensor<?x3xf32>, tensor<3x3xf32> -> tensor<?x3xf32>
  func.return %2 : tensor<?x3xf32>
}

// Enough rows for a kernel's tiles, and other biases or activations.
// CHECK-LABEL: @different
// CHECK-COUNT-4: nn.matmul
func.func @different(%x: tensor<15x3xf32>, %y: tensor<2x3xf32>, %w: tensor<3x3xf32>, %b: tensor<3xf32>) -> (tensor<15x3xf32>, tensor<15x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = nn.relu %x : tensor<15x3xf32>
  %1 = nn.matmul %x, %w : tensor<15x3xf32>, tensor<3x3xf32> -> tensor<15x3xf32>
  %2 = nn.matmul %0, %w : tensor<15x3xf32>, tensor<3x3xf32> -> tensor<15x3xf32>
  %3 = nn.matmul %y, %w bias %b : tensor<3xf32> : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
  %4 = nn.matmul %y, %w : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
  func.return %1, %2, %3, %4 : tensor<15x3xf32>, tensor<15x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
}

// An LSTM's steps: the recurrent product takes the sum, so that the others need not wait for it.
// CHECK-LABEL: @lstm
// CHECK:       [[INPUTS:%.*]] = nn.matmul {{%.*}}, %w bias %b {{.*}} -> tensor<?x2xf32, #nn.dims<2*N, 2>>
// CHECK:       [[FIRST:%.*]] = nn.slice [[INPUTS]] begin = <0, 0>
// CHECK:       [[STATE:%.*]] = nn.matmul %h, %u bias %b : tensor<2xf32> residual [[FIRST]] : tensor<?x2xf32> activation<tanh>
// CHECK:       [[SECOND:%.*]] = nn.slice [[INPUTS]] begin = <N, 0>
// CHECK:       nn.matmul [[STATE]], %u residual [[SECOND]] : tensor<?x2xf32> activation<tanh>
// CHECK-NOT:   nn.matmul
func.func @lstm(%x: tensor<2x?x3xf32>, %h: tensor<?x2xf32>, %w: tensor<3x2xf32>, %b: tensor<2xf32>, %u: tensor<2x2xf32>) -> tensor<?x2xf32> {
  %0 = nn.slice %x begin = <0, 0, 0> strides = [1, 1, 1] : (tensor<2x?x3xf32>) -> tensor<1x?x3xf32>
  %1 = nn.slice %x begin = <1, 0, 0> strides = [1, 1, 1] : (tensor<2x?x3xf32>) -> tensor<1x?x3xf32>
  %2 = nn.reshape %0 : (tensor<1x?x3xf32>) -> tensor<?x3xf32>
  %3 = nn.reshape %1 : (tensor<1x?x3xf32>) -> tensor<?x3xf32>
  %4 = nn.matmul %h, %u bias %b : tensor<2xf32> : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %5 = nn.matmul %2, %w bias %b : tensor<2xf32> residual %4 : tensor<?x2xf32> activation<tanh> : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %6 = nn.matmul %5, %u : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %7 = nn.matmul %3, %w bias %b : tensor<2xf32> residual %6 : tensor<?x2xf32> activation<tanh> : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  func.return %7 : tensor<?x2xf32>
}
