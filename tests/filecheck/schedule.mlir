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
