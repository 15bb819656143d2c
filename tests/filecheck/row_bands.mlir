// RUN: tfrc opt %s -p row-bands | filecheck %s

// An inverted residual block: the wide images between its layers exist in bands only.
// CHECK-LABEL: func.func @block
// CHECK-NOT:     memref<?x112x112x96xf32>
// CHECK:         [[S:%.*]] = memref.alloc() : memref<107520xf32>
// CHECK-NEXT:    rt.call @row_bands(input = %x, filter_0 = %0, filter_1 = %1, bias_1 = %2, filter_2 = %3, residual = %r) -> %out scratch([[S]]) {rows = 4 : i64}
// CHECK-NEXT:    ^bb0([[X:%.*]]: memref<?x112x112x16xf32>, {{.*}}, [[A:%.*]]: memref<?x112x112x96xf32>, [[B:%.*]]: memref<?x112x112x96xf32>, [[OUT:%.*]]: memref<?x112x112x24xf32>):
// CHECK-NEXT:      rt.call @conv2d(input = [[X]], filter = {{%.*}}) -> [[A]] {
// CHECK-NEXT:      rt.call @depthwise_conv2d(input = [[A]], filter = {{%.*}}, bias = {{%.*}}) -> [[B]] {
// CHECK-NEXT:      rt.call @conv2d(input = [[B]], filter = {{%.*}}, residual = {{%.*}}) -> [[OUT]] {
// CHECK-NEXT:      nn.yield [[OUT]]
// CHECK:         memref.dealloc [[S]]
// CHECK-NEXT:    func.return
func.func @block(%x: memref<?x112x112x16xf32>, %r: memref<?x112x112x24xf32>, %out: memref<?x112x112x24xf32>) {
  %N = rt.size <N> : index
  %0 = rt.weight @expand packing "panels" : memref<1x1x16x96xf32>
  %4 = memref.alloc(%N) : memref<?x112x112x96xf32>
  rt.call @conv2d(input = %x, filter = %0) -> %4 {dilations = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (memref<?x112x112x16xf32>, memref<1x1x16x96xf32>) -> memref<?x112x112x96xf32>
  %1 = rt.weight @taps : memref<3x3x96x1xf32>
  %2 = rt.weight @bias : memref<96xf32>
  %5 = memref.alloc(%N) : memref<?x112x112x96xf32>
  rt.call @depthwise_conv2d(input = %4, filter = %1, bias = %2) -> %5 {dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (memref<?x112x112x96xf32>, memref<3x3x96x1xf32>, memref<96xf32>) -> memref<?x112x112x96xf32>
  %3 = rt.weight @project packing "panels" : memref<1x1x96x24xf32>
  rt.call @conv2d(input = %5, filter = %3, residual = %r) -> %out {dilations = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (memref<?x112x112x96xf32>, memref<1x1x96x24xf32>, memref<?x112x112x24xf32>) -> memref<?x112x112x24xf32>
  memref.dealloc %4 : memref<?x112x112x96xf32>
  memref.dealloc %5 : memref<?x112x112x96xf32>
  func.return
}

// Not if something else reads the image between, if it stays in the cache, or if the filter is large.
// CHECK-LABEL: func.func @kept
// CHECK-NOT:     rt.call @row_bands
// CHECK:         func.return
func.func @kept(%x: memref<112x112x32xf32>, %out: memref<1x112x112x32xf32>, %more: memref<1x112x112x32xf32>, %small: memref<1x14x14x512xf32>) {
  %i = rt.view %x offset <0> : memref<112x112x32xf32> to memref<1x112x112x32xf32>
  %0 = rt.weight @taps : memref<3x3x32x1xf32>
  %1 = rt.weight @point packing "panels" : memref<1x1x32x32xf32>
  %2 = memref.alloc() : memref<1x112x112x32xf32>
  rt.call @depthwise_conv2d(input = %i, filter = %0) -> %2 {dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (memref<1x112x112x32xf32>, memref<3x3x32x1xf32>) -> memref<1x112x112x32xf32>
  rt.call @conv2d(input = %2, filter = %1) -> %out {dilations = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (memref<1x112x112x32xf32>, memref<1x1x32x32xf32>) -> memref<1x112x112x32xf32>
  rt.call @softmax(input = %2) -> %more {axis = 3 : i64} : (memref<1x112x112x32xf32>) -> memref<1x112x112x32xf32>
  %3 = memref.alloc() : memref<1x112x112x32xf32>
  rt.call @depthwise_conv2d(input = %i, filter = %0) -> %3 {dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (memref<1x112x112x32xf32>, memref<3x3x32x1xf32>) -> memref<1x112x112x32xf32>
  %4 = rt.weight @large packing "panels" : memref<8x8x32x512xf32>
  %5 = memref.alloc() : memref<1x14x14x512xf32>
  rt.call @conv2d(input = %3, filter = %4) -> %5 {dilations = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 8, 8>} : (memref<1x112x112x32xf32>, memref<8x8x32x512xf32>) -> memref<1x14x14x512xf32>
  %6 = rt.weight @taps7 : memref<3x3x512x1xf32>
  rt.call @depthwise_conv2d(input = %5, filter = %6) -> %small {dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (memref<1x14x14x512xf32>, memref<3x3x512x1xf32>) -> memref<1x14x14x512xf32>
  memref.dealloc %2 : memref<1x112x112x32xf32>
  memref.dealloc %3 : memref<1x112x112x32xf32>
  memref.dealloc %5 : memref<1x14x14x512xf32>
  func.return
}

// Bands of 2.8 MB are worth it within images of 154 MB; the scratch of the convolutions goes with them.
// CHECK-LABEL: func.func @stem
// CHECK-NOT:     memref<792588xf32>
// CHECK:         [[S:%.*]] = memref.alloc() : memref<708162xf32>
// CHECK-NEXT:    rt.call @row_bands(input = %x, filter_0 = {{%.*}}, filter_1 = {{%.*}}) -> %out scratch([[S]]) {rows = 2 : i64}
// CHECK-NOT:     memref<792588xf32>
// CHECK:         memref.dealloc [[S]]
// CHECK-NEXT:    func.return
func.func @stem(%x: memref<1x512x512x3xf32>, %out: memref<1x256x256x150xf32>) {
  %0 = rt.weight @stem packing "panels" : memref<3x3x3x150xf32>
  %1 = memref.alloc() : memref<1x512x512x150xf32>
  %2 = memref.alloc() : memref<792588xf32>
  rt.call @conv2d(input = %x, filter = %0) -> %1 scratch(%2) {dilations = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (memref<1x512x512x3xf32>, memref<3x3x3x150xf32>) -> (memref<1x512x512x150xf32>, memref<792588xf32>)
  %3 = rt.weight @taps : memref<7x7x150x1xf32>
  rt.call @depthwise_conv2d(input = %1, filter = %3) -> %out {dilations = array<i64: 1, 1>, pads = array<i64: 2, 2, 3, 3>, strides = array<i64: 2, 2>} : (memref<1x512x512x150xf32>, memref<7x7x150x1xf32>) -> memref<1x256x256x150xf32>
  memref.dealloc %1 : memref<1x512x512x150xf32>
  memref.dealloc %2 : memref<792588xf32>
  func.return
}

// The mean over height and width is a second result, and its buffer begins where the bands do; not that over one of
// the two.
// CHECK-LABEL: func.func @squeeze
// CHECK:         [[M:%.*]] = memref.alloc(%N) : memref<?x1x1x32xf32>
// CHECK-NEXT:    [[S:%.*]] = memref.alloc() : memref<129024xf32>
// CHECK-NEXT:    rt.call @row_bands(input = %x, filter_0 = %0, filter_1 = %1) -> [[Y:%.*]], [[M]] scratch([[S]]) {rows = 34 : i64}
// CHECK-NEXT:    ^bb0({{.*}}, [[OUT:%.*]]: memref<?x112x112x32xf32>, [[MEAN:%.*]]: memref<?x1x1x32xf32>):
// CHECK:           rt.call @mean(input = [[OUT]]) -> [[MEAN]] {axes = array<i64: 1, 2>, keep_dims = true}
// CHECK-NEXT:      nn.yield [[OUT]]
// CHECK-NEXT:    } loc(fused["depthwise", "stem", "squeeze"])
// CHECK-NEXT:    rt.call @map(inputs = [[Y]], inputs = [[M]]) -> %out
// CHECK:         rt.call @mean(input = [[Y]]) -> %columns {axes = array<i64: 1>
// CHECK:         func.return
func.func @squeeze(%x: memref<?x112x112x8xf32>, %out: memref<?x112x112x32xf32>, %columns: memref<?x112x32xf32>) {
  %N = rt.size <N> : index
  %0 = rt.weight @expand packing "panels" : memref<1x1x8x32xf32>
  %1 = rt.weight @taps : memref<3x3x32x1xf32>
  %2 = memref.alloc(%N) : memref<?x112x112x32xf32>
  rt.call @conv2d(input = %x, filter = %0) -> %2 {dilations = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (memref<?x112x112x8xf32>, memref<1x1x8x32xf32>) -> memref<?x112x112x32xf32> loc("stem")
  %3 = memref.alloc(%N) : memref<?x112x112x32xf32>
  rt.call @depthwise_conv2d(input = %2, filter = %1) -> %3 {dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} : (memref<?x112x112x32xf32>, memref<3x3x32x1xf32>) -> memref<?x112x112x32xf32> loc("depthwise")
  %4 = memref.alloc(%N) : memref<?x1x1x32xf32>
  rt.call @mean(input = %3) -> %4 {axes = array<i64: 1, 2>, keep_dims = true} : (memref<?x112x112x32xf32>) -> memref<?x1x1x32xf32> loc("squeeze")
  rt.call @map(inputs = %3, inputs = %4) -> %out : (memref<?x112x112x32xf32>, memref<?x1x1x32xf32>) -> memref<?x112x112x32xf32> {
  ^bb0(%a: f32, %b: f32):
    %c = nn.mul %a, %b : f32
    nn.yield %c : f32
  }
  rt.call @mean(input = %3) -> %columns {axes = array<i64: 1>, keep_dims = false} : (memref<?x112x112x32xf32>) -> memref<?x112x32xf32>
  memref.dealloc %2 : memref<?x112x112x32xf32>
  memref.dealloc %3 : memref<?x112x112x32xf32>
  memref.dealloc %4 : memref<?x1x1x32xf32>
  func.return
}
