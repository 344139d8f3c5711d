// Registers that are loaded, held across a wait, and looked at. In assembly, because a compiler would keep values of its
// own in them meanwhile.

    .text

// Saves what a function must give back, and keeps `found` in r13. The stack is left aligned, with a byte to read into.
.macro enter
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rdx, %r13
.endm

.macro leave_function
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret
.endm

// read(rdi, stack, 1)
.macro wait_in_read
    xorl %eax, %eax
    movq %rsp, %rsi
    movl $1, %edx
    syscall
.endm

.macro function name
    .globl \name
    .type \name, @function
    .p2align 4
\name:
.endm

function zoo_hold_general
    enter
    // The system call leaves these as they are; `found` waits on the stack.
    pushq %rdx
    pushq %rdx
    movq (%rsi), %rbx
    movq 8(%rsi), %rbp
    movq 16(%rsi), %r8
    movq 24(%rsi), %r9
    movq 32(%rsi), %r10
    movq 40(%rsi), %r12
    movq 48(%rsi), %r13
    movq 56(%rsi), %r14
    movq 64(%rsi), %r15
    xorl %eax, %eax
    leaq 8(%rsp), %rsi
    movl $1, %edx
    syscall
    movq (%rsp), %rdx
    movq %rbx, (%rdx)
    movq %rbp, 8(%rdx)
    movq %r8, 16(%rdx)
    movq %r9, 24(%rdx)
    movq %r10, 32(%rdx)
    movq %r12, 40(%rdx)
    movq %r13, 48(%rdx)
    movq %r14, 56(%rdx)
    movq %r15, 64(%rdx)
    addq $16, %rsp
    leave_function

function zoo_spin_general
    enter
    pushq %rdx
    pushq %rdx
    movq (%rsi), %rax
    movq 8(%rsi), %rbx
    movq 16(%rsi), %rcx
    movq 24(%rsi), %rdx
    movq 32(%rsi), %rbp
    movq 40(%rsi), %r8
    movq 48(%rsi), %r9
    movq 56(%rsi), %r10
    movq 64(%rsi), %r11
    movq 72(%rsi), %r12
    movq 80(%rsi), %r13
    movq 88(%rsi), %r14
    movq 96(%rsi), %r15
    movq 104(%rsi), %rsi
    std
1:  pause
    cmpq $0, (%rdi)
    je 1b
    pushfq
    cld
    popq %rdi
    xchgq %rdx, (%rsp)
    movq %rax, (%rdx)
    movq %rbx, 8(%rdx)
    movq %rcx, 16(%rdx)
    popq 24(%rdx)
    movq %rbp, 32(%rdx)
    movq %r8, 40(%rdx)
    movq %r9, 48(%rdx)
    movq %r10, 56(%rdx)
    movq %r11, 64(%rdx)
    movq %r12, 72(%rdx)
    movq %r13, 80(%rdx)
    movq %r14, 88(%rdx)
    movq %r15, 96(%rdx)
    movq %rsi, 104(%rdx)
    movq %rdi, 112(%rdx)
    popq %rdx
    xorl %eax, %eax
    leave_function

.macro load_sse
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movdqu (16 * \n)(%rsi), %xmm\n
    .endr
.endm

.macro store_sse
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movdqu %xmm\n, (16 * \n)(%r13)
    .endr
.endm

function zoo_hold_sse
    enter
    load_sse
    wait_in_read
    store_sse
    leave_function

function zoo_spin_sse
    enter
    load_sse
1:  pause
    cmpq $0, (%rdi)
    je 1b
    store_sse
    xorl %eax, %eax
    leave_function

function zoo_hold_avx
    enter
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovdqu (32 * \n)(%rsi), %ymm\n
    .endr
    wait_in_read
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovdqu %ymm\n, (32 * \n)(%r13)
    .endr
    vzeroupper
    leave_function

function zoo_hold_avx512
    enter
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    vmovdqu64 (64 * \n)(%rsi), %zmm\n
    .endr
    .irp n, 1, 2, 3, 4, 5, 6, 7
    kmovq (2040 + 8 * \n)(%rsi), %k\n
    .endr
    wait_in_read
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    vmovdqu64 %zmm\n, (64 * \n)(%r13)
    .endr
    .irp n, 1, 2, 3, 4, 5, 6, 7
    kmovq %k\n, (2040 + 8 * \n)(%r13)
    .endr
    vzeroupper
    leave_function

function zoo_hold_x87
    enter
    // `found` is the second argument here.
    movq %rsi, %r13
    fninit
    movw $0x067f, (%rsp)
    fldcw (%rsp)
    fldpi
    fldl2e
    fldln2
    wait_in_read
    fstpt (%r13)
    fstpt 10(%r13)
    fstpt 20(%r13)
    fnstcw 30(%r13)
    fninit
    leave_function

    .section .note.GNU-stack, "", @progbits
