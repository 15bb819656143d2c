// RUN: tfrc opt %s -p select-kernels | filecheck %s

// A packed weight, a result that is computed into the output, a view.
// CHECK-LABEL: func.func @dense(%x: memref<?x4xf32> {tf.name = "x"}, %out: memref<?x2xf32> {tf.name = "y"})
// CHECK-NEXT: %N = rt.size <N> : index
// CHECK-NEXT: %w = rt.weight @w packing "panels" : memref<4x2xf32>
// CHECK-NEXT: %0 = memref.alloc(%N) : memref<?x2xf32>
// CHECK-NEXT: rt.call @matmul(lhs = %x, rhs = %w) -> %0 : (memref<?x4xf32>, memref<4x2xf32>) -> memref<?x2xf32>
// CHECK-NEXT: rt.call @softmax(input = %0) -> %out {axis = 1 : i64}
// CHECK-NEXT: memref.dealloc %0 : memref<?x2xf32>
// CHECK-NEXT: func.return
func.func @dense(%x: tensor<?x4xf32> {tf.name = "x"}) -> (tensor<?x2xf32> {tf.name = "y"}) {
  %w = nn.weight @w : tensor<4x2xf32>
  %0 = nn.matmul %x, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %1 = nn.softmax %0 axis = 1 : tensor<?x2xf32>
  func.return %1 : tensor<?x2xf32>
}

// An input that is returned is copied; a returned reshape is computed through a view of the output.
// CHECK-LABEL: func.func @outputs
// CHECK: [[VIEW:%.*]] = rt.view %out1 offset <0> : memref<?x2x2xf32> to memref<?x4xf32>
// CHECK: rt.call @softmax(input = %x) -> [[VIEW]]
// CHECK: rt.call @copy(input = %x) -> %out0
func.func @outputs(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x2x2xf32>) {
  %0 = nn.softmax %x axis = 1 : tensor<?x4xf32>
  %1 = nn.reshape %0 : (tensor<?x4xf32>) -> tensor<?x2x2xf32>
  func.return %x, %1 : tensor<?x4xf32>, tensor<?x2x2xf32>
}

// A matrix that is known at run time only is packed once for all products with it, of which each
// may end in an activation.
// CHECK-LABEL: func.func @runtime
// CHECK:         [[P:%.*]] = memref.alloc() : memref<64xf32>
// CHECK-NEXT:    rt.call @pack(input = %y) -> [[P]] {transpose}
// CHECK-NEXT:    rt.call @matmul(lhs = %x, rhs = [[P]]) -> %out0 {activation = #nn.activation<tanh>, packed = #nn.dims<4, 2>}
// CHECK-NEXT:    rt.call @matmul(lhs = %z, rhs = [[P]]) -> %out1 {packed = #nn.dims<4, 2>}
func.func @runtime(%x: tensor<8x4xf32>, %y: tensor<2x4xf32>, %z: tensor<3x4xf32>) -> (tensor<8x2xf32>, tensor<3x2xf32>) {
  %0 = nn.matmul transpose_rhs %x, %y activation<tanh> : tensor<8x4xf32>, tensor<2x4xf32> -> tensor<8x2xf32>
  %1 = nn.matmul transpose_rhs %z, %y : tensor<3x4xf32>, tensor<2x4xf32> -> tensor<3x2xf32>
  func.return %0, %1 : tensor<8x2xf32>, tensor<3x2xf32>
}

// Padding and a left side that is read transposed need scratch, and a weight that is read transposed
// is another weight.
// CHECK-LABEL: func.func @scratch
// CHECK:         [[P:%.*]] = memref.alloc(%{{.*}}) : memref<?xf32, #nn.dims<300*N>>
// CHECK-NEXT:    rt.call @conv2d(input = %x, filter = %f) -> {{%.*}} scratch([[P]])
// CHECK:         rt.weight @w.transposed packing "panels" : memref<3x2xf32>
// CHECK:         rt.call @matmul(
// CHECK:         rt.call @batch_matmul(lhs = %z, rhs = %y) -> [[Z:%.*]] scratch({{.*}}) {transpose_lhs}
// CHECK:         rt.call @pack(input = [[Z]]) -> [[Q:%.*]] :
// CHECK:         rt.call @matmul(lhs = %y, rhs = [[Q]]) -> %out1
// CHECK-NOT:     rt.call
func.func @scratch(%x: tensor<?x8x8x3xf32>, %y: tensor<2x4xf32>) -> (tensor<?x8x8x2xf32>, tensor<2x4xf32>) {
  %f = nn.weight @f : tensor<3x3x3x3xf32>
  %0 = nn.conv2d %x, %f strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x8x8x3xf32>, tensor<3x3x3x3xf32> -> tensor<?x8x8x3xf32>
  %w = nn.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %1 = nn.matmul transpose_rhs %0, %w : tensor<?x8x8x3xf32>, tensor<2x3xf32> -> tensor<?x8x8x2xf32>
  %z = nn.softmax %y axis = 1 : tensor<2x4xf32>
  %2 = nn.matmul transpose_lhs %z, %y : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<4x4xf32>
  %3 = nn.matmul %y, %2 : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  func.return %1, %3 : tensor<?x8x8x2xf32>, tensor<2x4xf32>
}

// Dense 3x3 filters of stride 1 go by Winograd's tiles where these are faster: 4x4, or 2x2 if the filter is large for
// its image. Few channels, strides, and filters that are known at run time only are summed directly.
// CHECK-LABEL: func.func @winograd
// CHECK:         [[F:%.*]] = rt.weight @f packing "winograd4" : memref<3x3x64x64xf32>
// CHECK:         [[P:%.*]] = memref.alloc() : memref<148608xf32>
// CHECK-NEXT:    rt.call @conv2d_winograd(input = %x, filter = [[F]]) -> {{%.*}} scratch([[P]]) {{{.*}}tile = 4 : i64}
// CHECK:         rt.weight @g packing "winograd2"
// CHECK:         rt.call @conv2d_winograd({{.*}}tile = 2 : i64}
// CHECK:         rt.call @conv2d(
// CHECK:         rt.call @conv2d(
// CHECK:         rt.call @dynamic_conv2d(
func.func @winograd(%x: tensor<?x28x28x64xf32>, %y: tensor<1x7x7x512xf32>, %r: tensor<3x3x64x64xf32>) -> (tensor<?x28x28x64xf32>, tensor<1x7x7x512xf32>, tensor<?x28x28x4xf32>, tensor<?x14x14x64xf32>, tensor<?x28x28x64xf32>) {
  %f = nn.weight @f : tensor<3x3x64x64xf32>
  %0 = nn.conv2d %x, %f strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x28x28x64xf32>, tensor<3x3x64x64xf32> -> tensor<?x28x28x64xf32>
  %g = nn.weight @g : tensor<3x3x512x512xf32>
  %1 = nn.conv2d %y, %g strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<1x7x7x512xf32>, tensor<3x3x512x512xf32> -> tensor<1x7x7x512xf32>
  %few = nn.weight @few : tensor<3x3x3x4xf32>
  %c = nn.slice %x begin = <0, 0, 0, 0> strides = [1, 1, 1, 1] : (tensor<?x28x28x64xf32>) -> tensor<?x28x28x3xf32>
  %2 = nn.conv2d %c, %few strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x28x28x3xf32>, tensor<3x3x3x4xf32> -> tensor<?x28x28x4xf32>
  %3 = nn.conv2d %x, %f strides = [2, 2] pads = [1, 1, 0, 0] dilations = [1, 1] groups = 1 : tensor<?x28x28x64xf32>, tensor<3x3x64x64xf32> -> tensor<?x14x14x64xf32>
  %4 = nn.conv2d %x, %r strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : tensor<?x28x28x64xf32>, tensor<3x3x64x64xf32> -> tensor<?x28x28x64xf32>
  func.return %0, %1, %2, %3, %4 : tensor<?x28x28x64xf32>, tensor<1x7x7x512xf32>, tensor<?x28x28x4xf32>, tensor<?x14x14x64xf32>, tensor<?x28x28x64xf32>
}

// A variable is memory. New values are copied into it behind everything else, as if all at once.
// CHECK-LABEL: func.func @swap
// CHECK-NEXT:    [[A:%.*]] = rt.variable @a : memref<2x4xf32>
// CHECK-NEXT:    [[B:%.*]] = rt.variable @b : memref<2x4xf32>
// CHECK-NEXT:    rt.call @softmax(input = [[A]]) -> %out
// CHECK-NEXT:    [[KEPT_B:%.*]] = memref.alloc
// CHECK-NEXT:    rt.call @copy(input = [[B]]) -> [[KEPT_B]]
// CHECK-NEXT:    [[KEPT_A:%.*]] = memref.alloc
// CHECK-NEXT:    rt.call @copy(input = [[A]]) -> [[KEPT_A]]
// CHECK-NEXT:    rt.call @copy(input = [[KEPT_B]]) -> [[A]]
// CHECK-NEXT:    rt.call @copy(input = [[KEPT_A]]) -> [[B]]
nn.variable @a : tensor<2x4xf32>
nn.variable @b : tensor<2x4xf32>
func.func @swap() -> tensor<2x4xf32> {
  %a = nn.read @a : tensor<2x4xf32>
  %b = nn.read @b : tensor<2x4xf32>
  %0 = nn.softmax %a axis = 1 : tensor<2x4xf32>
  nn.assign @a, %b : tensor<2x4xf32>
  nn.assign @b, %a : tensor<2x4xf32>
  func.return %0 : tensor<2x4xf32>
}

// What is only selected where %c holds runs where %c holds; the bool that decides is known before.
// CHECK-LABEL: func.func @condition
// CHECK:         rt.call @softmax(input = %x) -> [[A:%.*]] when(%c) {axis
// CHECK:         rt.call @log_softmax(input = [[A]]) -> [[B:%.*]] when(%c) {axis
// CHECK:         rt.call @reverse(input = %x) -> [[D:%.*]] when(not %c) {
// CHECK:         rt.call @map(inputs = %c, inputs = [[B]], inputs = [[D]]) -> %out :
func.func @condition(%c: tensor<i1>, %x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = nn.softmax %x axis = 1 : tensor<2x4xf32>
  %1 = nn.log_softmax %0 axis = 1 : tensor<2x4xf32>
  %2 = nn.reverse %x axes = [1] : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = nn.map(%c, %1, %2) : (tensor<i1>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32> {
  ^bb0(%a: i1, %b: f32, %d: f32):
    %e = nn.select %a, %b, %d : i1, f32, f32
    nn.yield %e : f32
  }
  func.return %3 : tensor<2x4xf32>
}

// A value that both sides read, or anything else, runs always.
// CHECK-LABEL: func.func @both
// CHECK:         rt.call @softmax(input = %x) -> {{%.*}} {axis
func.func @both(%c: tensor<i1>, %x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = nn.softmax %x axis = 1 : tensor<2x4xf32>
  %1 = nn.map(%c, %0, %x) : (tensor<i1>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32> {
  ^bb0(%a: i1, %b: f32, %d: f32):
    %e = nn.add %b, %d : f32
    %f = nn.select %a, %e, %b : i1, f32, f32
    nn.yield %f : f32
  }
  func.return %1 : tensor<2x4xf32>
}
