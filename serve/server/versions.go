package server

import (
	"context"
	"encoding/base64"
	"strings"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
)

// championName stands for the version in service.
const championName = "champion"

// The bounds of a page of versions.
const (
	standardVersions = 50
	maxVersions      = 1000
)

// versionTokenPrefix begins a token before it is encoded.
const versionTokenPrefix = "after:"

// ListModelVersions lists the registry's versions, the newest first.
func (s *service) ListModelVersions(_ context.Context, q *pb.ListModelVersionsRequest) (*pb.ListModelVersionsResponse, error) {
	size, err := pageSize(q.GetPageSize(), standardVersions, maxVersions)
	if err != nil {
		return nil, err
	}
	list, err := s.models.List()
	if err != nil {
		return nil, err
	}
	if t := q.GetPageToken(); t != "" {
		b, err := base64.RawURLEncoding.DecodeString(t)
		after, ok := strings.CutPrefix(string(b), versionTokenPrefix)
		at := -1
		for i := range list {
			if list[i].Version == after {
				at = i
			}
		}
		if err != nil || !ok || at < 0 {
			return nil, fault.Field(fault.Invalid, "page_token", "page_token: not a token of this list as it is now; leave it empty for the first page")
		}
		list = list[at+1:]
	}
	a := &pb.ListModelVersionsResponse{}
	for i := range list {
		if i == size {
			a.NextPageToken = base64.RawURLEncoding.EncodeToString([]byte(versionTokenPrefix + list[i-1].Version))
			break
		}
		a.ModelVersions = append(a.ModelVersions, versionMessage(&list[i]))
	}
	return a, nil
}

// GetModelVersion gives one version.
func (s *service) GetModelVersion(_ context.Context, q *pb.GetModelVersionRequest) (*pb.ModelVersion, error) {
	id, err := resource("name", q.GetName(), versionsPrefix)
	if err != nil {
		return nil, err
	}
	if id == championName {
		if id = s.models.Champion(); id == "" {
			return nil, errNoChampion()
		}
	}
	m, err := s.models.Get(id)
	if err != nil {
		if fault.Is(err, fault.Invalid) {
			return nil, fault.Field(fault.Invalid, "name", "name: %w", err)
		}
		return nil, err
	}
	return versionMessage(&m), nil
}

func errNoChampion() error {
	return fault.New(fault.Unavailable, "no model version is in service; train run makes one, train promote puts it in service, and ScoreRows takes any by model_version")
}

// versionMessage is a version as the API gives it.
func versionMessage(m *ModelInfo) *pb.ModelVersion {
	a := &pb.ModelVersion{
		Name: versionsPrefix + m.Version, Version: m.Version, Champion: m.Champion,
		CreateTime: timestamp(m.CreatedAt), TrainMonths: m.TrainMonths, TestMonths: m.TestMonths,
		SchemaHash: m.SchemaHash, Threshold: m.Threshold, GatePassed: m.GatePassed, GateReasons: m.GateReasons,
	}
	for _, name := range m.Features {
		f := &pb.Feature{Name: name, Type: "float"}
		if c, ok := columns.ByName(name); ok {
			f.Type, f.Unit, f.Description = string(c.Type), c.Unit, c.Doc
		}
		a.Features = append(a.Features, f)
	}
	for i := range m.Splits {
		s := &m.Splits[i]
		a.Metrics = append(a.Metrics, &pb.SplitMetrics{
			Split: s.Name, Months: s.Months, RowCount: int32(s.Rows), RocAuc: s.ROCAUC, PrAuc: s.PRAUC, Brier: s.Brier,
			AtHalf: pointMessage(s.AtHalf), OperatingPoint: pointMessage(s.OperatingPoint),
		})
	}
	return a
}

func pointMessage(p *PointInfo) *pb.ThresholdMetrics {
	if p == nil {
		return nil
	}
	return &pb.ThresholdMetrics{
		Threshold:         p.Threshold,
		TrueNegativeCount: int32(p.TN), FalsePositiveCount: int32(p.FP), FalseNegativeCount: int32(p.FN), TruePositiveCount: int32(p.TP),
		Accuracy: p.Accuracy, Abusive: classMessage(&p.True), NotAbusive: classMessage(&p.False),
	}
}

func classMessage(c *ClassInfo) *pb.ClassMetrics {
	return &pb.ClassMetrics{Precision: c.Precision, Recall: c.Recall, F1: c.F1, Support: int32(c.Support)}
}
