def steps():
    return "true"
