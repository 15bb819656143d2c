// RUN: tfrc opt %s -p elementwise-to-map,fuse-maps | filecheck %s

// CHECK-LABEL: @chain
// CHECK:         nn.map(%{{[xy]}}, %{{[xy]}}) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> {
// CHECK:           nn.constant 2.000000e+00 : f32
// CHECK-NEXT:      [[A:%.*]] = nn.exp
// CHECK-NEXT:      [[B:%.*]] = nn.mul [[A]], %{{.*}} : f32
// CHECK-NEXT:      [[C:%.*]] = nn.add [[B]], %{{.*}} : f32
// CHECK-NEXT:      nn.mul [[C]], %{{.*}} : f32
// CHECK-NEXT:      nn.yield
// CHECK-NOT:     nn.map
// CHECK:         func.return
func.func @chain(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %two = nn.constant dense<2.0> : tensor<f32>
  %0 = nn.exp %x : tensor<?x4xf32>
  %1 = nn.mul %0, %two : tensor<?x4xf32>, tensor<f32>
  %2 = nn.add %1, %y : tensor<?x4xf32>
  %3 = nn.mul %2, %two : tensor<?x4xf32>, tensor<f32>
  func.return %3 : tensor<?x4xf32>
}

// Both sides of a diamond, and the input that they share once.
// CHECK-LABEL: @diamond
// CHECK-NEXT:    nn.map(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
// CHECK-NOT:     nn.map
// CHECK:         func.return
func.func @diamond(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = nn.exp %x : tensor<?x4xf32>
  %1 = nn.sin %x : tensor<?x4xf32>
  %2 = nn.mul %0, %1 : tensor<?x4xf32>
  func.return %2 : tensor<?x4xf32>
}

// The exponential would be taken of each row again.
// CHECK-LABEL: @broadcasting
// CHECK:         nn.map(%b) : (tensor<4xf32>) -> tensor<4xf32> {
// CHECK:         nn.map(%x, %{{.*}}) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32> {
func.func @broadcasting(%x: tensor<?x4xf32>, %b: tensor<4xf32>) -> tensor<?x4xf32> {
  %0 = nn.exp %b : tensor<4xf32>
  %1 = nn.mul %x, %0 : tensor<?x4xf32>, tensor<4xf32>
  func.return %1 : tensor<?x4xf32>
}

// An exponential is not taken twice, but a sum is.
// CHECK-LABEL: @two_users
// CHECK:         nn.exp
// CHECK:         nn.map
// CHECK:         nn.add
// CHECK-NEXT:    nn.sin
// CHECK:         nn.map
// CHECK:         nn.add
// CHECK-NEXT:    nn.cos
// CHECK-NOT:     nn.map
// CHECK:         func.return
func.func @two_users(%x: tensor<?x4xf32>, %b: tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %0 = nn.exp %x : tensor<?x4xf32>
  %1 = nn.add %0, %b : tensor<?x4xf32>, tensor<4xf32>
  %2 = nn.sin %1 : tensor<?x4xf32>
  %3 = nn.cos %1 : tensor<?x4xf32>
  func.return %2, %3 : tensor<?x4xf32>, tensor<?x4xf32>
}

// A result that something else reads is stored anyway.
// CHECK-LABEL: @returned
// CHECK-COUNT-2: nn.map
// CHECK:         func.return
func.func @returned(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %0 = nn.relu %x : tensor<?x4xf32>
  %1 = nn.sin %0 : tensor<?x4xf32>
  func.return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}

// The cast would take the exponential out of the vector registers.
// CHECK-LABEL: @mixed_types
// CHECK:         nn.map(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
// CHECK:         nn.map(%{{.*}}) : (tensor<?x4xf32>) -> tensor<?x4xi32> {
// CHECK:         nn.cast
// CHECK-NEXT:    nn.add
func.func @mixed_types(%x: tensor<?x4xf32>) -> tensor<?x4xi32> {
  %one = nn.constant dense<1> : tensor<i32>
  %0 = nn.exp %x : tensor<?x4xf32>
  %1 = nn.sin %0 : tensor<?x4xf32>
  %2 = nn.cast %1 : tensor<?x4xf32> to tensor<?x4xi32>
  %3 = nn.add %2, %one : tensor<?x4xi32>, tensor<i32>
  func.return %3 : tensor<?x4xi32>
}

// Bools in between are masks of vectors.
// CHECK-LABEL: @mask
// CHECK:         nn.map(%{{[xy]}}, %{{[xy]}}) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> {
// CHECK-NOT:     nn.map
// CHECK:         func.return
func.func @mask(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = nn.less %x, %y : tensor<?x4xf32>
  %1 = nn.logical_not %0 : tensor<?x4xi1>
  %2 = nn.exp %x : tensor<?x4xf32>
  %3 = nn.select %1, %2, %y : tensor<?x4xi1>, tensor<?x4xf32>, tensor<?x4xf32>
  func.return %3 : tensor<?x4xf32>
}
