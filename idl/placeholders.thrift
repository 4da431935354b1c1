// Types that the protocol writes as raw values although the fields around them say "struct"
// (INTEROP.md section 2). Declared here only so that the Thrift compiler can parse the other files:
// no code is generated from this file; idl/placeholders_types.h is written by hand.

namespace cpp metarec.idl

struct gpid {}
struct rpc_address {}
struct host_port {}
struct error_code {}
struct task_code {}
struct blob {}
