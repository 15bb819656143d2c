// RUN: tfrc opt %s -p fold-batch-norm | filecheck %s

// CHECK-LABEL: @after_conv2d
// CHECK:       [[A:%.*]] = nn.mul %w, %s : tensor<3x3x2x5xf32>, tensor<5xf32>
// CHECK:       nn.conv2d %x, [[A]] bias %b : tensor<5xf32>
// CHECK-NEXT:  func.return
func.func @after_conv2d(%x: tensor<?x4x4x2xf32>) -> tensor<?x2x2x5xf32> {
  %w = nn.weight @kernel : tensor<3x3x2x5xf32>
  %s = nn.weight @scale : tensor<5xf32>
  %b = nn.weight @offset : tensor<5xf32>
  %0 = nn.conv2d %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x4x4x2xf32>, tensor<3x3x2x5xf32> -> tensor<?x2x2x5xf32>
  %1 = nn.mul %0, %s : tensor<?x2x2x5xf32>, tensor<5xf32>
  %2 = nn.add %1, %b : tensor<?x2x2x5xf32>, tensor<5xf32>
  func.return %2 : tensor<?x2x2x5xf32>
}

// Output channel 3c + k of a depthwise convolution lies at [c, k] of the filter.
// CHECK-LABEL: @after_depthwise
// CHECK:       [[S:%.*]] = nn.reshape %s : (tensor<6xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:  [[A:%.*]] = nn.mul %w, [[S]]
// CHECK-NEXT:  [[B:%.*]] = nn.mul %b, %s
// CHECK-NEXT:  nn.depthwise_conv2d %x, [[A]] bias [[B]]
func.func @after_depthwise(%x: tensor<?x4x4x2xf32>) -> tensor<?x4x4x6xf32> {
  %w = nn.weight @kernel : tensor<3x3x2x3xf32>
  %s = nn.weight @scale : tensor<6xf32>
  %b = nn.weight @bias : tensor<6xf32>
  %0 = nn.depthwise_conv2d %x, %w bias %b : tensor<6xf32> strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] : tensor<?x4x4x2xf32>, tensor<3x3x2x3xf32> -> tensor<?x4x4x6xf32>
  %1 = nn.mul %0, %s : tensor<?x4x4x6xf32>, tensor<6xf32>
  func.return %1 : tensor<?x4x4x6xf32>
}

// In front of a padded convolution the scale folds, the offset does not.
// CHECK-LABEL: @before_padded
// CHECK:       [[S:%.*]] = nn.reshape %s : (tensor<2xf32>) -> tensor<2x1xf32>
// CHECK-NEXT:  [[A:%.*]] = nn.mul %w, [[S]]
// CHECK-NEXT:  nn.conv2d %x, [[A]]
// CHECK:       [[O:%.*]] = nn.add %x, %b
// CHECK:       nn.conv2d [[O]]
func.func @before_padded(%x: tensor<?x4x4x2xf32>) -> (tensor<?x4x4x5xf32>, tensor<?x4x4x5xf32>) {
  %w = nn.weight @kernel : tensor<3x3x2x5xf32>
  %v = nn.weight @other : tensor<3x3x2x5xf32>
  %s = nn.weight @scale : tensor<2xf32>
  %b = nn.weight @offset : tensor<2xf32>
  %0 = nn.mul %x, %s : tensor<?x4x4x2xf32>, tensor<2xf32>
  %1 = nn.conv2d %0, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x4x4x2xf32>, tensor<3x3x2x5xf32> -> tensor<?x4x4x5xf32>
  %2 = nn.add %x, %b : tensor<?x4x4x2xf32>, tensor<2xf32>
  %3 = nn.conv2d %2, %v strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x4x4x2xf32>, tensor<3x3x2x5xf32> -> tensor<?x4x4x5xf32>
  func.return %1, %3 : tensor<?x4x4x5xf32>, tensor<?x4x4x5xf32>
}

// CHECK-LABEL: @before_matmul
// CHECK:       [[C:%.*]] = nn.reshape %b : (tensor<4xf32>) -> tensor<4x1xf32>
// CHECK-NEXT:  [[P:%.*]] = nn.mul %w, [[C]]
// CHECK-NEXT:  [[B:%.*]] = nn.sum [[P]] axes = [0]
// CHECK-NEXT:  nn.matmul %x, %w bias [[B]]
func.func @before_matmul(%x: tensor<?x4xf32>) -> tensor<?x5xf32> {
  %w = nn.weight @kernel : tensor<4x5xf32>
  %b = nn.weight @offset : tensor<4xf32>
  %0 = nn.add %x, %b : tensor<?x4xf32>, tensor<4xf32>
  %1 = nn.matmul %0, %w : tensor<?x4xf32>, tensor<4x5xf32> -> tensor<?x5xf32>
  func.return %1 : tensor<?x5xf32>
}

// A scale that varies along the batch, a second use, an activation: nothing folds.
// CHECK-LABEL: @illegal
// CHECK-COUNT-3: nn.mul %{{[0-9]+}}
// CHECK:       func.return
func.func @illegal(%x: tensor<5x4xf32>) -> (tensor<5x5xf32>, tensor<5x5xf32>, tensor<5x5xf32>, tensor<5x5xf32>) {
  %w = nn.weight @kernel : tensor<4x5xf32>
  %v = nn.weight @kernel2 : tensor<4x5xf32>
  %u = nn.weight @kernel3 : tensor<4x5xf32>
  %rows = nn.weight @rows : tensor<5x1xf32>
  %s = nn.weight @scale : tensor<5xf32>
  %0 = nn.matmul %x, %w : tensor<5x4xf32>, tensor<4x5xf32> -> tensor<5x5xf32>
  %1 = nn.mul %0, %rows : tensor<5x5xf32>, tensor<5x1xf32>
  %2 = nn.matmul %x, %v : tensor<5x4xf32>, tensor<4x5xf32> -> tensor<5x5xf32>
  %3 = nn.mul %2, %s : tensor<5x5xf32>, tensor<5xf32>
  %4 = nn.matmul %x, %u activation<relu> : tensor<5x4xf32>, tensor<4x5xf32> -> tensor<5x5xf32>
  %5 = nn.mul %4, %s : tensor<5x5xf32>, tensor<5xf32>
  func.return %1, %2, %3, %5 : tensor<5x5xf32>, tensor<5x5xf32>, tensor<5x5xf32>, tensor<5x5xf32>
}

// CHECK-LABEL: @attention_scores
// CHECK:       [[W:%.*]] = nn.mul %w, %{{.*}} : tensor<4x6xf32>, tensor<f32>
// CHECK-NEXT:  [[Q:%.*]] = nn.matmul %x, [[W]]
// CHECK-NEXT:  nn.reshape [[Q]]
// CHECK:       [[S:%.*]] = nn.batch_matmul
// CHECK-NEXT:  func.return [[S]]
func.func @attention_scores(%x: tensor<?x7x4xf32>, %k: tensor<?x2x3x7xf32>) -> tensor<?x2x7x7xf32> {
  %w = nn.weight @query : tensor<4x6xf32>
  %s = nn.constant dense<0.57735> : tensor<f32>
  %0 = nn.matmul %x, %w : tensor<?x7x4xf32>, tensor<4x6xf32> -> tensor<?x7x6xf32>
  %1 = nn.reshape %0 : (tensor<?x7x6xf32>) -> tensor<?x7x2x3xf32>
  %2 = nn.transpose %1 permutation = [0, 2, 1, 3] : (tensor<?x7x2x3xf32>) -> tensor<?x2x7x3xf32>
  %3 = nn.batch_matmul %2, %k : (tensor<?x2x7x3xf32>, tensor<?x2x3x7xf32>) -> tensor<?x2x7x7xf32>
  %4 = nn.mul %3, %s : tensor<?x2x7x7xf32>, tensor<f32>
  func.return %4 : tensor<?x2x7x7xf32>
}
