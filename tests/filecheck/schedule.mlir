// RUN: tfrc opt %s -p schedule | filecheck %s

// One large tensor at a time. A reshape goes where it is needed.
// CHECK-LABEL: func.func @branches
// CHECK-NEXT:    %a = nn.transpose %x
// CHECK-NEXT:    %c = nn.max %a
// CHECK-NEXT:    %b = nn.reverse %x
// CHECK-NEXT:    %d = nn.reshape %b
// CHECK-NEXT:    %e = nn.max %d
// CHECK-NEXT:    %f = nn.add %c, %e
func.func @branches(%x: tensor<?x8x8xf32>) -> tensor<?x8xf32> {
  %a = nn.transpose %x permutation = [0, 2, 1] : (tensor<?x8x8xf32>) -> tensor<?x8x8xf32>
  %b = nn.reverse %x axes = [1] : (tensor<?x8x8xf32>) -> tensor<?x8x8xf32>
  %c = nn.max %a axes = [1] keep_dims = false : (tensor<?x8x8xf32>) -> tensor<?x8xf32>
  %d = nn.reshape %b : (tensor<?x8x8xf32>) -> tensor<?x8x8x1xf32>
  %e = nn.max %d axes = [1, 3] keep_dims = false : (tensor<?x8x8x1xf32>) -> tensor<?x8xf32>
  %f = nn.add %c, %e : tensor<?x8xf32>
  func.return %f : tensor<?x8xf32>
}

// What is returned lies in the caller's outputs: no order is better than the one given.
// CHECK-LABEL: func.func @outputs
// CHECK-NEXT:    %a = nn.transpose %x
// CHECK-NEXT:    %b = nn.reverse %x
// CHECK-NEXT:    %c = nn.max %a
func.func @outputs(%x: tensor<?x8x8xf32>) -> (tensor<?x8x8xf32>, tensor<?x8x8xf32>, tensor<?x8xf32>) {
  %a = nn.transpose %x permutation = [0, 2, 1] : (tensor<?x8x8xf32>) -> tensor<?x8x8xf32>
  %b = nn.reverse %x axes = [1] : (tensor<?x8x8xf32>) -> tensor<?x8x8xf32>
  %c = nn.max %a axes = [1] keep_dims = false : (tensor<?x8x8xf32>) -> tensor<?x8xf32>
  func.return %a, %b, %c : tensor<?x8x8xf32>, tensor<?x8x8xf32>, tensor<?x8xf32>
}

// The new value of a variable comes behind all that reads the old one, and behind all that can
// fail, so that it may be computed in place.
// CHECK-LABEL: func.func @variable
// CHECK-NEXT:    %w = nn.read @w
// CHECK-NEXT:    %y = nn.matmul %x, %w
// CHECK-NEXT:    %r = nn.gather %x, %i
// CHECK-NEXT:    %n = nn.map(%w)
// CHECK:         nn.assign @w, %n
// CHECK-NEXT:    func.return %y, %r
nn.variable @w : tensor<4x4xf32>
func.func @variable(%x: tensor<4x4xf32>, %i: tensor<2xi32>) -> (tensor<4x4xf32>, tensor<2x4xf32>) {
  %w = nn.read @w : tensor<4x4xf32>
  %n = nn.map(%w) : (tensor<4x4xf32>) -> tensor<4x4xf32> {
  ^bb0(%a: f32):
    %b = nn.neg %a : f32
    nn.yield %b : f32
  }
  %y = nn.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %r = nn.gather %x, %i axis = 0 batch_dims = 0 : (tensor<4x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  nn.assign @w, %n : tensor<4x4xf32>
  func.return %y, %r : tensor<4x4xf32>, tensor<2x4xf32>
}

// A condition comes before what it decides on.
// CHECK-LABEL: func.func @condition
// CHECK-NEXT:    %c = nn.any %b
// CHECK-NEXT:    %s = nn.softmax %x
func.func @condition(%x: tensor<2x4xf32>, %b: tensor<2xi1>) -> tensor<2x4xf32> {
  %s = nn.softmax %x axis = 1 : tensor<2x4xf32>
  %c = nn.any %b axes = [0] keep_dims = false : (tensor<2xi1>) -> tensor<i1>
  %y = nn.map(%c, %s, %x) : (tensor<i1>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32> {
  ^bb0(%a: i1, %d: f32, %e: f32):
    %f = nn.select %a, %d, %e : i1, f32, f32
    nn.yield %f : f32
  }
  func.return %y : tensor<2x4xf32>
}
