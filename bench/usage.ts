/** What the benches' command line can be. */

/** The help text. */
export const usage = `usage: npm run bench [-- [--quick | --soak] [--json]]
       npm run bench -- propagation [--sidecars 20] [--rounds 30] [--services 100] [--json]
       npm run bench -- sidecar [--services 100,1000,5000,10000] [--layouts on-demand,eager] [--used 10] [--json]
       npm run bench -- request [--rate 500] [--connections 8] [--seconds 3] [--rounds 7] [--quick] [--json]
       npm run bench -- balance [--seconds 5] [--rounds 7] [--quick] [--json]
       npm run bench -- sync [--services 1000] [--endpoints 5] [--events 5000] [--profile FOLDER] [--json]
       npm run bench -- load [--services 1000] [--endpoints 5] [--sidecars 1000] [--used 10] [--rounds 20]
                             [--layouts on-demand,eager] [--suites connect,churn,reconnect]
                             [--quick] [--against CHECKOUT] [--profile FOLDER] [--json]
       npm run bench -- certificates [--sidecars 1000] [--rounds 3] [--profile FOLDER] [--json]
       npm run bench -- soak [--minutes 60] [--services 200] [--endpoints 5] [--sidecars 200] [--used 10] [--json]
       npm run bench -- budget [--services 300] [--sidecars 150] [--json]
       npm run bench -- ads --address HOST:PORT [--help]

Without a name: the benches that the project's goals are held to, one after another, and one table of the goals.

  propagation   from the write of a file to the last sidecar's ACK
  sidecar       a sidecar's memory, time to ready and first requests, on demand beside eager
  request       p50, p99, CPU of a request: no mesh, bare Envoys, sidecars; HTTP/1.1, HTTP/2, gRPC, TCP
  balance       one of three servers is ten times slower: p50, p99 by the default beside RoundRobin
  sync          a real kube-apiserver followed: time to serve, memory, changes under a storm of events
  load          simulated sidecars: time, CPU, bytes and memory to connect, to change, to reconnect
  certificates  all sidecars ask for their first certificate at once, with the API server and without
  soak          an hour of changes: whether heap and latency stay what they were
  budget        live heap of the control plane for each Service, pod, endpoint and stream
  ads           simulated sidecars on any ADS server, by its address
  --quick       of the goals: less than 10 minutes, without the largest sizes, with fewer rounds
  --soak        of the goals: the soak too, an hour more
  --quick       of load: 200 Services, 200 sidecars, 10 rounds; of request and balance: 3 rounds of 2 s
  --against     of load: the control plane of another built checkout beside this one, in the same run
  --profile     of load, sync, certificates: CPU profiles of the control plane go there
  --json        print one JSON object on stdout and nothing else
`;
