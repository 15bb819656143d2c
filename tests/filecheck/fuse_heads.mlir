// RUN: tfrc opt %s -p fuse-heads,dce | filecheck %s

// Attention: nothing is moved.
// CHECK-LABEL: @attention
// CHECK-NOT:   nn.transpose
// CHECK:       [[SCORES:%.*]] = nn.batch_matmul transpose_rhs heads_lhs heads_rhs %q, %k : (tensor<?x6x4x8xf32>, tensor<?x5x4x8xf32>) -> tensor<?x4x6x5xf32>
// CHECK:       [[OUT:%.*]] = nn.batch_matmul heads_rhs heads_result [[SCORES]], %v : (tensor<?x4x6x5xf32>, tensor<?x5x4x8xf32>) -> tensor<?x6x4x8xf32>
// CHECK:       func.return [[OUT]]
func.func @attention(%q: tensor<?x6x4x8xf32>, %k: tensor<?x5x4x8xf32>, %v: tensor<?x5x4x8xf32>) -> tensor<?x6x4x8xf32> {
  %0 = nn.transpose %q permutation = [0, 2, 1, 3] : (tensor<?x6x4x8xf32>) -> tensor<?x4x6x8xf32>
  %1 = nn.transpose %k permutation = [0, 2, 1, 3] : (tensor<?x5x4x8xf32>) -> tensor<?x4x5x8xf32>
  %2 = nn.batch_matmul transpose_rhs %0, %1 : (tensor<?x4x6x8xf32>, tensor<?x4x5x8xf32>) -> tensor<?x4x6x5xf32>
  %3 = nn.transpose %v permutation = [0, 2, 1, 3] : (tensor<?x5x4x8xf32>) -> tensor<?x4x5x8xf32>
  %4 = nn.batch_matmul %2, %3 : (tensor<?x4x6x5xf32>, tensor<?x4x5x8xf32>) -> tensor<?x4x6x8xf32>
  %5 = nn.transpose %4 permutation = [0, 2, 1, 3] : (tensor<?x4x6x8xf32>) -> tensor<?x6x4x8xf32>
  func.return %5 : tensor<?x6x4x8xf32>
}

// One image of heads, without a batch.
// CHECK-LABEL: @one
// CHECK:       nn.batch_matmul heads_lhs %x, %w
func.func @one(%x: tensor<6x4x8xf32>, %w: tensor<4x8x5xf32>) -> tensor<4x6x5xf32> {
  %0 = nn.transpose %x permutation = [1, 0, 2] : (tensor<6x4x8xf32>) -> tensor<4x6x8xf32>
  %1 = nn.batch_matmul %0, %w : (tensor<4x6x8xf32>, tensor<4x8x5xf32>) -> tensor<4x6x5xf32>
  func.return %1 : tensor<4x6x5xf32>
}

// Rows 4 KiB apart are moved together first, where the kernel does not pack them.
// CHECK-LABEL: @far
// CHECK:       [[Q:%.*]] = nn.transpose %q
// CHECK:       [[SCORES:%.*]] = nn.batch_matmul transpose_rhs heads_rhs [[Q]], %q
// CHECK:       nn.transpose [[SCORES]]
func.func @far(%q: tensor<?x1024x16x64xf32>) -> tensor<?x1024x16x1024xf32> {
  %0 = nn.transpose %q permutation = [0, 2, 1, 3] : (tensor<?x1024x16x64xf32>) -> tensor<?x16x1024x64xf32>
  %1 = nn.transpose %q permutation = [0, 2, 1, 3] : (tensor<?x1024x16x64xf32>) -> tensor<?x16x1024x64xf32>
  %2 = nn.batch_matmul transpose_rhs %0, %1 : (tensor<?x16x1024x64xf32>, tensor<?x16x1024x64xf32>) -> tensor<?x16x1024x1024xf32>
  %3 = nn.transpose %2 permutation = [0, 2, 1, 3] : (tensor<?x16x1024x1024xf32>) -> tensor<?x1024x16x1024xf32>
  func.return %3 : tensor<?x1024x16x1024xf32>
}

// Not where matrices are repeated, a dimension of a matrix is moved, or something else reads the transpose.
// CHECK-LABEL: @kept
// CHECK-COUNT-3: nn.transpose
// CHECK-NOT:   heads
// CHECK:       func.return
func.func @kept(%x: tensor<?x6x4x8xf32>, %y: tensor<?x6x4x8xf32>, %w: tensor<8x5xf32>, %z: tensor<?x4x5x8xf32>, %u: tensor<?x6x4x5xf32>) -> (tensor<?x4x6x5xf32>, tensor<?x6x8x5xf32>, tensor<?x4x6x5xf32>, tensor<?x4x6x8xf32>) {
  %0 = nn.transpose %x permutation = [0, 2, 1, 3] : (tensor<?x6x4x8xf32>) -> tensor<?x4x6x8xf32>
  %1 = nn.batch_matmul %0, %w : (tensor<?x4x6x8xf32>, tensor<8x5xf32>) -> tensor<?x4x6x5xf32>
  %2 = nn.transpose %y permutation = [0, 1, 3, 2] : (tensor<?x6x4x8xf32>) -> tensor<?x6x8x4xf32>
  %3 = nn.batch_matmul %2, %u : (tensor<?x6x8x4xf32>, tensor<?x6x4x5xf32>) -> tensor<?x6x8x5xf32>
  %4 = nn.transpose %y permutation = [0, 2, 1, 3] : (tensor<?x6x4x8xf32>) -> tensor<?x4x6x8xf32>
  %5 = nn.batch_matmul transpose_rhs %4, %z : (tensor<?x4x6x8xf32>, tensor<?x4x5x8xf32>) -> tensor<?x4x6x5xf32>
  %6 = nn.relu %4 : tensor<?x4x6x8xf32>
  func.return %1, %3, %5, %6 : tensor<?x4x6x5xf32>, tensor<?x6x8x5xf32>, tensor<?x4x6x5xf32>, tensor<?x4x6x8xf32>
}
