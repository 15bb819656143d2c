// RUN: tfrc opt %s -p cse | filecheck %s

// CHECK-LABEL: @same_weight
// CHECK:       [[W:%.*]] = nn.weight @w
// CHECK-NEXT:  [[A:%.*]] = nn.matmul %x, [[W]]
// CHECK-NEXT:  nn.add [[A]], [[A]]
func.func @same_weight(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = nn.weight @w : tensor<4x2xf32>
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %v = nn.weight @w : tensor<4x2xf32>
  %1 = nn.matmul %x, %v : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %2 = nn.add %0, %1 : tensor<?x2xf32>
  func.return %2 : tensor<?x2xf32>
}

// Properties count: these differ in one.
// CHECK-LABEL: @other_axis
// CHECK:       nn.softmax %x axis = 0
// CHECK-NEXT:  nn.softmax %x axis = 1
func.func @other_axis(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %0 = nn.softmax %x axis = 0 : tensor<3x4xf32>
  %1 = nn.softmax %x axis = 1 : tensor<3x4xf32>
  %2 = nn.add %0, %1 : tensor<3x4xf32>
  func.return %2 : tensor<3x4xf32>
}

// Equal maps have equal bodies.
// CHECK-LABEL: @maps
// CHECK-COUNT-2: nn.map
// CHECK-NOT:   nn.map
// CHECK:       func.return
func.func @maps(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %0 = nn.map(%x) : (tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%a: f32):
    %b = nn.exp %a : f32
    nn.yield %b : f32
  }
  %1 = nn.map(%x) : (tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%c: f32):
    %d = nn.exp %c : f32
    nn.yield %d : f32
  }
  %2 = nn.map(%x) : (tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%e: f32):
    %g = nn.log %e : f32
    nn.yield %g : f32
  }
  func.return %0, %1, %2 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
