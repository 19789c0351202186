package xgboost

import (
	"sluice/featurestore/fault"
	"sluice/models/ensemble"
)

func readBinary(data []byte) (*ensemble.Model, error) {
	return nil, fault.New(fault.Unsupported, "old binary model")
}
