use assay_sandbox::*;
fn main() {
    for s in probe() { eprintln!("{s:?}"); }
    eprintln!("{:?}", check());
    let e = enter_worker(&WorkerConfig::default()).unwrap();
    eprintln!("{e:?}");
    let p = Prepared::new(Confinement::Full, &e).unwrap();
    match fork().unwrap() {
        Fork::Child => { eprintln!("pid {}", std::process::id()); let r = confine(&ChildLimits::default(), &p); eprintln!("{r:?}");
          eprintln!("{:?}", std::fs::write("/tmp/x", "y")); eprintln!("{:?}", std::net::TcpStream::connect("127.0.0.1:80")); eprintln!("{:?}", std::process::Command::new("/bin/ls").spawn());
          eprintln!("{:?}", std::fs::read("/etc/passwd").map(|_|()));
          std::process::abort(); }
        Fork::Parent(c) => { eprintln!("{:?}", e.attend(&c, std::time::Duration::from_secs(5), |d| eprintln!("{d}"))); }
    }
    let t = std::time::Instant::now();
    for _ in 0..2000 { match fork().unwrap() { Fork::Child => exit_now(0), Fork::Parent(c) => { c.wait().unwrap(); } } }
    eprintln!("bare fork {:?}", t.elapsed()/2000);
    let t = std::time::Instant::now();
    for _ in 0..2000 { match fork().unwrap() { Fork::Child => { confine(&ChildLimits::default(), &p).unwrap(); exit_now(0)}, Fork::Parent(c) => { e.attend(&c, std::time::Duration::from_secs(5), |_| ()).unwrap(); } } }
    eprintln!("confined fork {:?}", t.elapsed()/2000);
    for _ in 0..3 { match fork().unwrap() { Fork::Child => { let t = std::time::Instant::now(); confine(&ChildLimits::default(), &p).unwrap(); 
       eprintln!("confine {:?}", t.elapsed());
       let t = std::time::Instant::now(); for _ in 0..1000 { unsafe { libc::kill(1, 0); } }
       eprintln!("notify {:?}", t.elapsed()/1000);
       let t = std::time::Instant::now(); for _ in 0..1000 { unsafe { libc::getppid(); } }
       eprintln!("allowed {:?}", t.elapsed()/1000);
       let t = std::time::Instant::now(); for _ in 0..1000 { unsafe { libc::fcntl(2, libc::F_GETFD); } }
       eprintln!("allowed if {:?}", t.elapsed()/1000);
       exit_now(0)}, Fork::Parent(c) => { eprintln!("{:?}", e.attend(&c, std::time::Duration::from_secs(5), |_| ())); } } }
}
#[allow(dead_code)]
fn x() {}
