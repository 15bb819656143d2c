// RUN: tfrc opt %s -p raise-idioms | filecheck %s

// CHECK-LABEL: @hard_swish
// CHECK-NEXT:    [[Y:%.*]] = nn.hard_swish %x
// CHECK-NEXT:    func.return [[Y]]
func.func @hard_swish(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %three = nn.constant dense<3.0> : tensor<f32>
  %six = nn.constant dense<6.0> : tensor<f32>
  %0 = nn.add %x, %three : tensor<?x4xf32>, tensor<f32>
  %1 = nn.relu6 %0 : tensor<?x4xf32>
  %2 = nn.div %1, %six : tensor<?x4xf32>, tensor<f32>
  %3 = nn.mul %2, %x : tensor<?x4xf32>
  func.return %3 : tensor<?x4xf32>
}

// 0.1667 is not 1/6: the numbers would change in the fourth digit.
// CHECK-LABEL: @rounded_sixth
// CHECK:       nn.relu6
// CHECK-NOT:   nn.hard
// CHECK:       func.return
func.func @rounded_sixth(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %three = nn.constant dense<3.0> : tensor<f32>
  %sixth = nn.constant dense<0.1667> : tensor<f32>
  %0 = nn.add %x, %three : tensor<?x4xf32>, tensor<f32>
  %1 = nn.relu6 %0 : tensor<?x4xf32>
  %2 = nn.mul %1, %sixth : tensor<?x4xf32>, tensor<f32>
  func.return %2 : tensor<?x4xf32>
}

// The sigmoid is needed anyway.
// CHECK-LABEL: @swish_and_sigmoid
// CHECK:       [[S:%.*]] = nn.sigmoid %x
// CHECK-NEXT:  nn.mul %x, [[S]]
func.func @swish_and_sigmoid(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %0 = nn.sigmoid %x : tensor<?x4xf32>
  %1 = nn.mul %x, %0 : tensor<?x4xf32>
  func.return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: @gelu
// CHECK-NEXT:    nn.gelu %x
// CHECK-NEXT:    func.return
func.func @gelu(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %half = nn.constant dense<0.5> : tensor<f32>
  %root = nn.constant dense<-0.70710677> : tensor<f32>
  %0 = nn.mul %x, %half : tensor<?x4xf32>, tensor<f32>
  %1 = nn.mul %x, %root : tensor<?x4xf32>, tensor<f32>
  %2 = nn.erfc %1 : tensor<?x4xf32>
  %3 = nn.mul %0, %2 : tensor<?x4xf32>
  func.return %3 : tensor<?x4xf32>
}

// CHECK-LABEL: @gelu_tanh
// CHECK-NEXT:    nn.gelu_tanh %x
// CHECK-NEXT:    func.return
func.func @gelu_tanh(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %half = nn.constant dense<0.5> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %cubic = nn.constant dense<0.044715> : tensor<f32>
  %root = nn.constant dense<0.7978845608> : tensor<f32>
  %0 = nn.mul %x, %half : tensor<?x4xf32>, tensor<f32>
  %1 = nn.mul %x, %x : tensor<?x4xf32>
  %2 = nn.mul %1, %x : tensor<?x4xf32>
  %3 = nn.mul %2, %cubic : tensor<?x4xf32>, tensor<f32>
  %4 = nn.add %x, %3 : tensor<?x4xf32>
  %5 = nn.mul %4, %root : tensor<?x4xf32>, tensor<f32>
  %6 = nn.tanh %5 : tensor<?x4xf32>
  %7 = nn.add %6, %one : tensor<?x4xf32>, tensor<f32>
  %8 = nn.mul %0, %7 : tensor<?x4xf32>
  func.return %8 : tensor<?x4xf32>
}

// CHECK-LABEL: @leaky_relu
// CHECK-NEXT:    nn.leaky_relu %x alpha = 2.500000e-01
// CHECK-NEXT:    func.return
func.func @leaky_relu(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = nn.constant dense<0.25> : tensor<f32>
  %0 = nn.mul %x, %a : tensor<?x4xf32>, tensor<f32>
  %1 = nn.maximum %0, %x : tensor<?x4xf32>
  func.return %1 : tensor<?x4xf32>
}

// CHECK-LABEL: @softmax
// CHECK-NEXT:    nn.softmax %x axis = 1
// CHECK-NEXT:    func.return
func.func @softmax(%x: tensor<?x4x5xf32>) -> tensor<?x4x5xf32> {
  %0 = nn.max %x axes = [1] keep_dims = true : (tensor<?x4x5xf32>) -> tensor<?x1x5xf32>
  %1 = nn.sub %x, %0 : tensor<?x4x5xf32>, tensor<?x1x5xf32>
  %2 = nn.exp %1 : tensor<?x4x5xf32>
  %3 = nn.sum %2 axes = [1] keep_dims = true : (tensor<?x4x5xf32>) -> tensor<?x1x5xf32>
  %4 = nn.div %2, %3 : tensor<?x4x5xf32>, tensor<?x1x5xf32>
  func.return %4 : tensor<?x4x5xf32>
}

// Keras 3: x·k + (offset - mean·k), k = scale/√(variance + ε).
// CHECK-LABEL: @layer_norm
// CHECK:       [[S:%.*]] = nn.reshape %scale
// CHECK-NEXT:  nn.layer_norm %x, [[S]], %offset epsilon = 1.000000e-03
// CHECK-NEXT:  func.return
func.func @layer_norm(%x: tensor<?x7x4xf32>, %scale: tensor<1x1x4xf32>, %offset: tensor<4xf32>) -> tensor<?x7x4xf32> {
  %e = nn.constant dense<0.001> : tensor<f32>
  %0 = nn.mean %x axes = [2] keep_dims = true : (tensor<?x7x4xf32>) -> tensor<?x7x1xf32>
  %1 = nn.sub %x, %0 : tensor<?x7x4xf32>, tensor<?x7x1xf32>
  %2 = nn.mul %1, %1 : tensor<?x7x4xf32>
  %3 = nn.mean %2 axes = [2] keep_dims = true : (tensor<?x7x4xf32>) -> tensor<?x7x1xf32>
  %4 = nn.add %3, %e : tensor<?x7x1xf32>, tensor<f32>
  %5 = nn.rsqrt %4 : tensor<?x7x1xf32>
  %6 = nn.mul %5, %scale : tensor<?x7x1xf32>, tensor<1x1x4xf32>
  %7 = nn.neg %0 : tensor<?x7x1xf32>
  %8 = nn.mul %7, %6 : tensor<?x7x1xf32>, tensor<?x7x4xf32>
  %9 = nn.add %8, %offset : tensor<?x7x4xf32>, tensor<4xf32>
  %10 = nn.mul %x, %6 : tensor<?x7x4xf32>
  %11 = nn.add %10, %9 : tensor<?x7x4xf32>
  func.return %11 : tensor<?x7x4xf32>
}

// (x - mean)/√(variance + ε); canonicalize takes in the scale and offset behind it.
// CHECK-LABEL: @layer_norm_stepwise
// CHECK:       nn.layer_norm %x, %{{.*}}, %{{.*}} epsilon = 1.000000e-03
// CHECK-NEXT:  nn.mul
// CHECK-NEXT:  nn.add
func.func @layer_norm_stepwise(%x: tensor<?x4xf32>, %scale: tensor<4xf32>, %offset: tensor<4xf32>) -> tensor<?x4xf32> {
  %e = nn.constant dense<0.001> : tensor<f32>
  %0 = nn.mean %x axes = [1] keep_dims = true : (tensor<?x4xf32>) -> tensor<?x1xf32>
  %1 = nn.sub %x, %0 : tensor<?x4xf32>, tensor<?x1xf32>
  %2 = nn.mul %1, %1 : tensor<?x4xf32>
  %3 = nn.mean %2 axes = [1] keep_dims = true : (tensor<?x4xf32>) -> tensor<?x1xf32>
  %4 = nn.add %3, %e : tensor<?x1xf32>, tensor<f32>
  %5 = nn.rsqrt %4 : tensor<?x1xf32>
  %6 = nn.mul %1, %5 : tensor<?x4xf32>, tensor<?x1xf32>
  %7 = nn.mul %6, %scale : tensor<?x4xf32>, tensor<4xf32>
  %8 = nn.add %7, %offset : tensor<?x4xf32>, tensor<4xf32>
  func.return %8 : tensor<?x4xf32>
}
