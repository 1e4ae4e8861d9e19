//! The kernel's BPF machine in a few lines, to run filters in tests.

use libc::sock_filter;

/// One call, as a filter sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub number: u32,
    pub architecture: u32,
    pub arguments: [u64; 6],
}

impl Call {
    /// `struct seccomp_data` as sixteen words.
    fn words(&self) -> [u32; 16] {
        let mut words = [0; 16];
        words[0] = self.number;
        words[1] = self.architecture;
        for (n, argument) in self.arguments.iter().enumerate() {
            words[4 + 2 * n] = *argument as u32;
            words[5 + 2 * n] = (*argument >> 32) as u32;
        }
        words
    }
}

/// What `code` answers.
pub(crate) fn run(code: &[sock_filter], call: &Call) -> u32 {
    let words = call.words();
    let (mut at, mut a) = (0, 0_u32);
    loop {
        let instruction = &code[at];
        at += 1;
        let jump = |yes| usize::from(if yes { instruction.jt } else { instruction.jf });
        match u32::from(instruction.code) {
            0x20 => {
                assert_eq!(instruction.k % 4, 0, "loads are aligned");
                a = words[instruction.k as usize / 4];
            }
            0x15 => at += jump(a == instruction.k),
            0x45 => at += jump(a & instruction.k != 0),
            0x06 => return instruction.k,
            other => panic!("instruction {other:#x} is not one a filter needs"),
        }
    }
}
