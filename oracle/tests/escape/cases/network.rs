//! The network: nobody is reached, nobody can come.

use assay_oracle::EffectKind::Network;

use super::{Case, raises, refused};

#[rustfmt::skip] // one case a line where it fits
pub fn cases() -> Vec<Case> {
    vec![
        refused("connect", "import socket\nsocket.create_connection(('127.0.0.1', PORT))", &[Network]),
        refused("connect by IPv6", "import socket\nsocket.socket(socket.AF_INET6).connect(('::1', PORT))", &[Network]),
        refused("connect by unix path", "import socket\nsocket.socket(socket.AF_UNIX).connect(CANARY + '/socket')", &[Network]),
        refused("connect by abstract name", "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0' + TAG)", &[Network]),
        refused("netlink", "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)", &[Network]),
        refused("vsock", "import socket\nsocket.socket(40).connect((2, 22))", &[Network]),
        refused("bluetooth", "import socket\nsocket.socket(31, socket.SOCK_RAW)", &[Network]),
        refused("raw", "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", &[Network]),
        refused("packet", "import socket\nsocket.socket(17, socket.SOCK_RAW)", &[Network]),
        refused("send a datagram", "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))", &[Network]),
        refused("listen", "import socket\ns = socket.socket()\ns.bind(('0.0.0.0', 0))\ns.listen()", &[Network]),
        refused("listen by abstract name", "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('\\0' + TAG + '-new')\ns.listen()", &[Network]),
        refused("a pair of sockets", "import socket\nsocket.socketpair()", &[Network]),
        raises("look a name up", "import socket\nsocket.getaddrinfo('localhost', 80)\nsocket.socket()", "gaierror|PermissionError", &[Network]),
        raises("fetch an address", "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:%d/' % PORT)", "PermissionError|URLError", &[Network]),
        raises("sockets among its descriptors", "import socket
for fd in range(1024):
    try: s = socket.socket(fileno=os.dup(fd))
    except OSError: continue
    s.send(b'x')
raise SystemExit", "SystemExit", &[]),
    ]
}
