// RUN: tfrc opt %s -p elementwise-to-map | filecheck %s

// CHECK-LABEL: @scalar_constant
// CHECK-NEXT:    nn.constant
// CHECK-NEXT:    %{{.*}} = nn.map(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
// CHECK-NEXT:    ^bb0(%{{.*}}: f32):
// CHECK-NEXT:      %{{.*}} = nn.constant 6.000000e+00 : f32
// CHECK-NEXT:      %{{.*}} = nn.mul %{{.*}}, %{{.*}} : f32
// CHECK-NEXT:      nn.yield %{{.*}} : f32
// CHECK-NEXT:    }
func.func @scalar_constant(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %six = nn.constant dense<6.0> : tensor<f32>
  %0 = nn.mul %x, %six : tensor<?x4xf32>, tensor<f32>
  func.return %0 : tensor<?x4xf32>
}

// A splat of any shape is a scalar.
// CHECK-LABEL: @splat
// CHECK:       nn.map(%x) : (tensor<2x4xf32>) -> tensor<2x4xf32> {
func.func @splat(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %ones = nn.constant dense<1.0> : tensor<4xf32>
  %0 = nn.add %x, %ones : tensor<2x4xf32>, tensor<4xf32>
  func.return %0 : tensor<2x4xf32>
}

// Without the constant the result would lose its shape.
// CHECK-LABEL: @shape_of_constant
// CHECK:       nn.map(%x, %{{.*}}) : (tensor<4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32> {
func.func @shape_of_constant(%x: tensor<4xf32>) -> tensor<2x4xf32> {
  %ones = nn.constant dense<1.0> : tensor<2x4xf32>
  %0 = nn.add %x, %ones : tensor<4xf32>, tensor<2x4xf32>
  func.return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: @same_operand
// CHECK:       nn.map(%x) : (tensor<2x4xf32>) -> tensor<2x4xf32> {
// CHECK-NEXT:  ^{{.*}}([[A:%.*]]: f32):
// CHECK-NEXT:    nn.mul [[A]], [[A]] : f32
func.func @same_operand(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = nn.mul %x, %x : tensor<2x4xf32>
  func.return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: @parameter_and_types
// CHECK:       nn.leaky_relu %{{.*}} alpha = 2.000000e-01 : f32
// CHECK:       nn.less %{{.*}}, %{{.*}} : f32
// CHECK-NEXT:  nn.yield %{{.*}} : i1
// CHECK:       nn.map(%{{.*}}, %{{.*}}, %x) : (tensor<3xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK:       nn.select %{{.*}}, %{{.*}}, %{{.*}} : i1, f32, f32
func.func @parameter_and_types(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = nn.leaky_relu %x alpha = 0.2 : tensor<3xf32>
  %1 = nn.less %x, %0 : tensor<3xf32>
  %2 = nn.select %1, %0, %x : tensor<3xi1>, tensor<3xf32>, tensor<3xf32>
  func.return %2 : tensor<3xf32>
}
