// RUN: tfrc opt %s -p dce | filecheck %s

// CHECK-LABEL: @unused
// CHECK-NEXT:    func.return %x
func.func @unused(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = nn.weight @w : tensor<4x2xf32>
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %1 = nn.map(%0) : (tensor<?x2xf32>) -> tensor<?x2xf32> {
  ^bb0(%a: f32):
    %b = nn.exp %a : f32
    nn.yield %b : f32
  }
  func.return %x : tensor<?x4xf32>
}
