// The cases of h2spec against one server over TLS, and what came of each as a JSON list.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"
)

type outcome struct {
	// Of the group in the RFC, and the case in it: `http2/5.1.2/1`.
	ID string `json:"id"`
	// What the case does.
	Case string `json:"case"`
	// `passed`, `failed` or `skipped`.
	Result string `json:"result"`
	// What was expected and what came; empty unless it failed.
	Detail string `json:"detail"`
}

func gather(group *spec.TestGroup, into []outcome) []outcome {
	for index, one := range append(append([]*spec.TestCase{}, group.Tests...), group.StrictTests...) {
		if one.Result == nil {
			continue
		}
		found := outcome{ID: fmt.Sprintf("%s/%d", group.ID(), index+1), Case: one.Desc, Result: "passed"}
		if one.Result.Skipped {
			found.Result = "skipped"
		}
		if one.Result.Failed {
			found.Result = "failed"
			found.Detail = one.Result.Error.Error()
		}
		into = append(into, found)
	}
	for _, inner := range group.Groups {
		into = gather(inner, into)
	}
	return into
}

func main() {
	host := flag.String("host", "127.0.0.1", "of the server")
	port := flag.Int("port", 0, "of the server")
	path := flag.String("path", "/", "that is asked for")
	timeout := flag.Duration("timeout", 2*time.Second, "of one case")
	flag.Parse()
	// The library prints as it goes; the list alone is for stdout.
	list := os.Stdout
	os.Stdout = os.Stderr
	settings := &config.Config{
		Host: *host, Port: *port, Path: *path, Timeout: *timeout, MaxHeaderLen: 4000,
		Strict: true, TLS: true, Insecure: true, Sections: flag.Args(),
	}
	outcomes := []outcome{}
	for _, group := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		group.Test(settings)
		outcomes = gather(group, outcomes)
	}
	if err := json.NewEncoder(list).Encode(outcomes); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
