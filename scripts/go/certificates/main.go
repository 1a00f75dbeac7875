// Judges certificates as others do: SPIFFE's own verifier and a linter of X.509.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// The input: a chain, its own certificate first, and the roots that are trusted; both PEM.
type input struct {
	TrustDomain string `json:"trustDomain"`
	Chain       string `json:"chain"`
	Bundle      string `json:"bundle"`
}

// The output: the id that the verifier read, or its error; and what the linter found in each certificate.
type output struct {
	ID       string    `json:"id"`
	Error    string    `json:"error"`
	Findings []finding `json:"findings"`
}

type finding struct {
	Certificate int    `json:"certificate"`
	Lint        string `json:"lint"`
	Status      string `json:"status"`
	Details     string `json:"details"`
}

func blocks(text string) [][]byte {
	var found [][]byte
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found
		}
		found = append(found, block.Bytes)
	}
}

func verify(in input) (string, error) {
	domain, err := spiffeid.TrustDomainFromString(in.TrustDomain)
	if err != nil {
		return "", err
	}
	bundle, err := x509bundle.Parse(domain, []byte(in.Bundle))
	if err != nil {
		return "", err
	}
	var chain []*x509.Certificate
	for _, der := range blocks(in.Chain) {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return "", err
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 {
		return "", errors.New("no certificate")
	}
	id, _, err := x509svid.Verify(chain, bundle)
	return id.String(), err
}

// RFC 5280 alone: the other sources are rules for authorities that browsers trust.
func lints() (lint.Registry, error) {
	return lint.GlobalRegistry().Filter(lint.FilterOptions{
		IncludeSources: lint.SourceList{lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.Community},
	})
}

func judge(in input) ([]finding, error) {
	registry, err := lints()
	if err != nil {
		return nil, err
	}
	findings := []finding{}
	for at, der := range append(blocks(in.Chain), blocks(in.Bundle)...) {
		certificate, err := zx509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", at, err)
		}
		for name, result := range zlint.LintCertificateEx(certificate, registry).Results {
			if result.Status >= lint.Notice {
				findings = append(findings, finding{at, name, result.Status.String(), result.Details})
			}
		}
	}
	return findings, nil
}

func run() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var in input
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	out := output{}
	if id, err := verify(in); err != nil {
		out.Error = err.Error()
	} else {
		out.ID = id
	}
	if out.Findings, err = judge(in); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
