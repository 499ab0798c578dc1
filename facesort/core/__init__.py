"""Pure decisions: records, gallery, matching, quality, routing. numpy and scipy, no disk, no clock."""
