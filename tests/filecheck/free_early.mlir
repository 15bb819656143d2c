// RUN: tfrc opt %s -p free-early | filecheck %s

// A view keeps its buffer alive.
// CHECK-LABEL: func.func @f
// CHECK: rt.call @copy(input = %x) -> %a
// CHECK-NEXT: [[V:%.*]] = rt.view %a
// CHECK-NEXT: %b = memref.alloc
// CHECK-NEXT: rt.call @copy(input = [[V]]) -> %b
// CHECK-NEXT: memref.dealloc %a
// CHECK-NEXT: rt.call @copy(input = %b) -> %out
// CHECK-NEXT: memref.dealloc %b
func.func @f(%x: memref<4x8xf32>, %out: memref<32xf32>) {
  %a = memref.alloc() : memref<4x8xf32>
  rt.call @copy(input = %x) -> %a : (memref<4x8xf32>) -> memref<4x8xf32>
  %v = rt.view %a offset <0> : memref<4x8xf32> to memref<32xf32>
  %b = memref.alloc() : memref<32xf32>
  rt.call @copy(input = %v) -> %b : (memref<32xf32>) -> memref<32xf32>
  rt.call @copy(input = %b) -> %out : (memref<32xf32>) -> memref<32xf32>
  memref.dealloc %a : memref<4x8xf32>
  memref.dealloc %b : memref<32xf32>
  func.return
}
