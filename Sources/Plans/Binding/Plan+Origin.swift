extension Plan {
    /// Why the plan must not be run on a checkpoint with this fingerprint; nil: nothing speaks against it.
    ///
    /// A plan for a shape alone (`model` is empty) fits any checkpoint of that shape, which `PlanCheck` decides.
    public func refusal(ofModel fingerprint: String) -> String? {
        guard !model.isEmpty, model != fingerprint else { return nil }
        let given = fingerprint.isEmpty ? "no checkpoint" : "one with fingerprint \(fingerprint.prefix(40))"
        return "the plan was made for the checkpoint with fingerprint \(model.prefix(40)), this is \(given): plan again for this model"
    }

    /// What to tell where the plan was made from another profile; nil: from this one, or from none. The plan can be used, its prediction
    /// cannot: the caller predicts again.
    public func warning(ofProfile fingerprint: String) -> String? {
        guard !profile.isEmpty, profile != fingerprint else { return nil }
        return
            "the plan was made from another profile (\(profile.prefix(40)), this is \(fingerprint.prefix(40))): its prediction is made anew"
    }
}
